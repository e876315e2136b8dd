import { describe, expect, test } from 'bun:test'
import { Comparison } from '../../../scripts/lib/probe/failures.ts'
import { randomOf } from '../../../scripts/lib/release/compat/random.ts'

interface Rates {
  fresh: number
  former: number
}

/**
 * Simulates a rollout of `requests` in which the share of the new release grows in thirds. Returns the number of requests
 * after which the new release was blamed, checked after each; undefined if never. `rates` may change with time.
 */
function rollout(seed: number, requests: number, rates: (progress: number) => Rates) {
  const next = randomOf(seed)
  const comparison = new Comparison()
  for (let count = 1; count <= requests; count++) {
    const progress = count / requests
    const share = Math.ceil(progress * 3) / 3 - 1 / 6
    const isNew = next() < share
    const { fresh, former } = rates(progress)
    comparison.add({ isNew, failed: next() < (isNew ? fresh : former) })
    if (comparison.blame(0) !== undefined) return count
  }
  return undefined
}

const SEEDS = Array.from({ length: 2000 }, (_, index) => index + 1)
const alarms = (rates: (progress: number) => Rates): number =>
  SEEDS.filter((seed) => rollout(seed, 3000, rates) !== undefined).length

describe('when both releases fail equally often, checked after every request,', () => {
  test.each([
    ['rarely', (): Rates => ({ fresh: 0.001, former: 0.001 })],
    ['often', (): Rates => ({ fresh: 0.2, former: 0.2 })],
    [
      'only in the middle third',
      (progress: number): Rates =>
        progress > 0.3 && progress < 0.6 ? { fresh: 0.5, former: 0.5 } : { fresh: 0, former: 0 },
    ],
  ])('at most one rollout in a thousand is stopped, when they fail %s', (_, rates) => {
    const found = alarms(rates)
    console.log(`${found} of ${SEEDS.length} stopped`)
    expect(found / SEEDS.length).toBeLessThanOrEqual(0.001)
  })
})

describe('a release that fails more often than the previous one', () => {
  test('is stopped within about a hundred requests when half of its requests fail', () => {
    const needed = SEEDS.slice(0, 200).map(
      (seed) => rollout(seed, 3000, () => ({ fresh: 0.5, former: 0 })) ?? Infinity,
    )
    console.log(`median ${needed.sort((a, b) => a - b)[100]} requests`)
    expect(needed[100]).toBeLessThan(120)
    expect(needed.at(-1)).toBeLessThan(400)
  })

  test('is stopped in nearly every rollout of 3000 requests when one in fifty fails', () => {
    const stopped = SEEDS.slice(0, 200).filter((seed) =>
      rollout(seed, 3000, () => ({ fresh: 0.02, former: 0 })),
    )
    console.log(`${stopped.length} of 200 stopped`)
    expect(stopped.length).toBeGreaterThan(150)
  })

  test('is stopped within 40,000 requests (median) when one in a thousand fails', () => {
    const needed = SEEDS.slice(0, 100).map(
      (seed) => rollout(seed, 60_000, () => ({ fresh: 0.001, former: 0 })) ?? Infinity,
    )
    console.log(`median ${needed.sort((a, b) => a - b)[50]} requests`)
    expect(needed[50]).toBeLessThan(40_000)
  })

  test('is stopped even when the previous one fails too', () => {
    const stopped = SEEDS.slice(0, 200).filter((seed) =>
      rollout(seed, 3000, () => ({ fresh: 0.3, former: 0.02 })),
    )
    expect(stopped.length).toBe(200)
  })
})

describe('the evidence of a failure is what the share of the new release says, of', () => {
  /** A response of each release, so many times; the new one's fails, or none. */
  function both(comparison: Comparison, times: number, failed: boolean): string | undefined {
    for (let count = 0; count < times; count++) {
      comparison.add({ isNew: true, failed })
      comparison.add({ isNew: false, failed: false })
    }
    return comparison.blame(0)
  }
  const others = (comparison: Comparison, times: number, failed = false): void => {
    for (let count = 0; count < times; count++) comparison.add({ isNew: false, failed })
  }

  test('half of the requests: twelve are enough, eleven are not', () => {
    const comparison = new Comparison()
    both(comparison, 75, false)
    expect(both(comparison, 11, true)).toBeUndefined()
    expect(both(comparison, 1, true)).toBe(
      'the new release failed 12 of 87 probe requests, the previous one 0 of 87 over the same period',
    )
  })

  test('half of them, when the other fails once: three more', () => {
    const comparison = new Comparison()
    both(comparison, 75, false)
    comparison.add({ isNew: true, failed: false })
    others(comparison, 1, true)
    expect(both(comparison, 14, true)).toBeUndefined()
    expect(both(comparison, 1, true)).toContain(
      'failed 15 of 91 probe requests, the previous one 1 of 91',
    )
  })

  test('the last thirty requests, where the new release has just come', () => {
    const comparison = new Comparison()
    others(comparison, 150)
    both(comparison, 15, false)
    expect(both(comparison, 11, true)).toBeUndefined()
    expect(both(comparison, 1, true)).toBeDefined()
  })

  test('the last 150, where it got none of the last thirty', () => {
    const comparison = new Comparison()
    others(comparison, 1350)
    both(comparison, 75, false)
    others(comparison, 30)
    expect(both(comparison, 8, true)).toBeUndefined()
    expect(both(comparison, 1, true)).toBeDefined()
  })
})

test('does not blame a release for few failures, or for failures within the budget', () => {
  const comparison = new Comparison()
  for (let count = 0; count < 100; count++)
    comparison.add({ isNew: count % 50 === 0, failed: false })
  for (let count = 0; count < 4; count++) comparison.add({ isNew: true, failed: true })
  expect(comparison.blame(0)).toBeUndefined()
  comparison.add({ isNew: true, failed: true })
  expect(comparison.blame(0)).toContain('failed 5 of 7 probe requests')
  expect(comparison.blame(5)).toBeUndefined()
})
