import { expect, test } from 'bun:test'
import { DRAINS, LAGS, type LagMap, mapLines, marginOf } from './map.ts'
import { mapPage } from './map-page.ts'

/** A map in which a request fails as soon as the load balancer is later than `drain` - 15 s. */
const map: LagMap = {
  release: 'a'.repeat(40),
  deregistration: 30,
  defaultDrain: 80,
  cells: DRAINS.flatMap((drain) =>
    LAGS.map((lag) => ({
      ...{ lag, drain, requests: 20_000, deregistered: 0, other: 0, failures: {}, lost: 0 },
      restarted: Math.max(0, 15 + lag - drain),
    })),
  ),
}

test('the margin of a drain is the largest lag below which no request failed', () => {
  expect(DRAINS.map((drain) => marginOf(map, drain))).toEqual([undefined, 0, 20, 40, 60])
  const { cells } = map
  const holed = cells.map((cell) => (cell.lag === 20 ? { ...cell, other: 1 } : cell))
  expect(marginOf({ ...map, cells: holed }, 80)).toBe(0)
})

test('the map has at least 6 by 5 cells, and says for the default drain how late is not too late', () => {
  expect(LAGS.length).toBeGreaterThanOrEqual(6)
  expect(DRAINS.length).toBeGreaterThanOrEqual(5)
  expect(mapLines(map).at(-1)).toEndWith('none fails while the load balancer is up to 60 s late')
  const page = mapPage(map)
  expect(page).toContain('No request is dropped while the load balancer is up to 60 s late')
  expect(page.match(/<td/g)).toHaveLength(3 * LAGS.length * DRAINS.length)
})
