import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { root } from '../../../../scripts/lib/service.ts'
import { DRAIN_SECONDS } from '../../../../src/config/timeouts.ts'
import { MARGIN_SECONDS } from '../balancer/lag.ts'
import { DRAINS, failuresOf, LAGS, type LagMap, mapLines, marginOf } from './map.ts'
import { mapPage } from './page.ts'

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

test('the measured map has the margin that the READMEs state, and controls that fail beyond it', async () => {
  const measured = (await Bun.file(join(import.meta.dir, 'map.json')).json()) as LagMap
  const { cells, defaultDrain } = measured
  expect(defaultDrain).toBe(DRAIN_SECONDS)
  expect(marginOf(measured, DRAIN_SECONDS)).toBe(MARGIN_SECONDS)
  expect(cells).toHaveLength(LAGS.length * DRAINS.length)
  expect(Math.min(...cells.map(({ requests }) => requests))).toBeGreaterThanOrEqual(20_000)
  expect(cells.filter(({ lost }) => lost > 0)).toEqual([])
  const withDefault = cells.filter(({ drain }) => drain === DRAIN_SECONDS)
  const failedAt = (late: number) => withDefault.find(({ lag }) => lag === late)
  expect(failedAt(70)?.restarted).toBeGreaterThan(0)
  expect(failedAt(120)?.deregistered).toBeGreaterThan(0)
  expect(
    cells.filter((cell) => cell.lag === 0 && cell.drain >= 20 && failuresOf(cell) > 0),
  ).toEqual([])
  const total = cells.reduce((sum, { requests }) => sum + requests, 0).toLocaleString('en-GB')
  for (const path of ['README.md', 'test/lab/rehearsal/README.md']) {
    const text = await Bun.file(join(root, path)).text()
    expect(text).toContain(`up to ${MARGIN_SECONDS} s late`)
    expect(text).toContain(`${total} requests`)
  }
})
