import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { root } from '../../../../scripts/lib/service.ts'
import { DRAIN_SECONDS } from '../../../../src/config/timeouts.ts'
import { MARGIN_SECONDS } from '../balancer/lag.ts'
import measured from './map.json'
import { DRAINS, failuresOf, LAGS, type LagMap, marginOf } from './map.ts'
import { pictureOf } from './picture.ts'

test('the margin of a drain is the largest lag below which no request failed', () => {
  const failing = (fails: (lag: number, drain: number) => boolean): LagMap => ({
    ...measured,
    cells: measured.cells.map((cell) => ({
      ...{ ...cell, deregistered: 0, restarted: 0 },
      other: fails(cell.lag, cell.drain) ? 1 : 0,
    })),
  })
  const later = failing((lag, drain) => lag > drain - 15)
  expect(DRAINS.map((drain) => marginOf(later, drain))).toEqual([undefined, 0, 20, 40, 60])
  expect(
    marginOf(
      failing((lag) => lag === 20),
      80,
    ),
  ).toBe(0)
})

test('the measured map has the margin that the READMEs state, and controls that fail beyond it', async () => {
  const { cells, defaultDrain } = measured
  expect(defaultDrain).toBe(DRAIN_SECONDS)
  expect(marginOf(measured, DRAIN_SECONDS)).toBe(MARGIN_SECONDS)
  expect(cells).toHaveLength(LAGS.length * DRAINS.length)
  expect(Math.min(...cells.map(({ requests }) => requests))).toBeGreaterThanOrEqual(20_000)
  expect(cells.filter(({ lost }) => lost > 0)).toEqual([])
  const failedAt = (late: number) =>
    cells.find(({ lag, drain }) => lag === late && drain === DRAIN_SECONDS)
  expect(failedAt(70)?.restarted).toBeGreaterThan(0)
  expect(failedAt(120)?.deregistered).toBeGreaterThan(0)
  expect(
    cells.filter((cell) => cell.lag === 0 && cell.drain >= 20 && failuresOf(cell) > 0),
  ).toEqual([])
  const total = cells.reduce((sum, { requests }) => sum + requests, 0).toLocaleString('en-GB')
  const [readme, own] = await Promise.all(
    ['README.md', 'test/lab/rehearsal/README.md'].map((path) => Bun.file(join(root, path)).text()),
  )
  for (const text of [readme, own]) expect(text).toContain(`up to ${MARGIN_SECONDS} s late`)
  expect(own).toContain(`${total} requests`)
  const picture = await Bun.file(join(import.meta.dir, 'map.svg')).text()
  expect(picture).toBe(pictureOf(measured))
  expect(picture).toContain(`No request is dropped while the load balancer is up to 60 s late`)
})
