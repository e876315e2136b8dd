import { describe, expect, test } from 'bun:test'
import { LatencyComparison } from '../../../scripts/lib/probe/latency.ts'
import { randomOf } from '../../../scripts/lib/release/compat/random.ts'

const REQUESTS = ['PUT /a/x', 'GET /a/x', 'GET /hc', 'GET /version']

/** Milliseconds around `median`; one in six takes at least half as long again. */
function answer(random: () => number, median: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return median * Math.exp(0.4 * normal)
}

/**
 * Simulates a rollout of `requests` in which the share of the new release grows in thirds, its answers take `factor` times
 * as long, and everything is slow for a while. Returns the number of requests after which the new release was blamed.
 */
function rollout(seed: number, requests: number, factor: number): number | undefined {
  const random = randomOf(seed)
  const comparison = new LatencyComparison()
  for (let count = 1; count <= requests; count++) {
    const progress = count / requests
    const isNew = random() < Math.ceil(progress * 3) / 3 - 1 / 6
    const slowHour = progress > 0.4 && progress < 0.6 ? 5 : 1
    const kind = Math.floor(random() * REQUESTS.length)
    const median = (20 + 10 * kind) * slowHour * (isNew ? factor : 1)
    comparison.add({
      isNew,
      request: REQUESTS[kind] ?? '',
      ms: answer(random, median),
      isSpread: true,
    })
    if (comparison.blame() !== undefined) return count
  }
  return undefined
}

const SEEDS = Array.from({ length: 2000 }, (_, index) => index + 1)

describe('the latency of a new release, compared after every answer,', () => {
  test('blames at most one in a thousand releases that are as fast, even in a slow hour', () => {
    const found = SEEDS.filter((seed) => rollout(seed, 3000, 1) !== undefined)
    console.log(`${found.length} of ${SEEDS.length} stopped`)
    expect(found.length / SEEDS.length).toBeLessThanOrEqual(0.001)
  })

  test('blames no release that is slower by less than a tenth', () => {
    const found = SEEDS.filter((seed) => rollout(seed, 3000, 1.08) !== undefined)
    expect(found.length / SEEDS.length).toBeLessThanOrEqual(0.001)
  })

  test.each([
    [1.2, 20_000, 10_000],
    [1.5, 6000, 2500],
    [2, 3000, 1500],
  ])(
    'blames nearly every release that takes %f times as long, within %d requests',
    (factor, requests, median) => {
      const needed = SEEDS.slice(0, 200).map((seed) => rollout(seed, requests, factor) ?? Infinity)
      needed.sort((a, b) => a - b)
      console.log(`${factor}: median ${needed[100]} of ${requests} requests`)
      expect(needed[100]).toBeLessThan(median)
      expect(needed[180]).toBeLessThan(requests)
    },
  )

  describe('by pairs of answers to one request, one of each release,', () => {
    function pairs(comparison: LatencyComparison, count: number, former: number, fresh: number) {
      for (let each = 0; each < count; each++) {
        comparison.add({ isNew: false, request: 'GET /hc', ms: former, isSpread: true })
        comparison.add({ isNew: true, request: 'GET /hc', ms: fresh, isSpread: true })
      }
      return comparison.blame()
    }

    test('blames after 23 that are slower, when a hundred answers have warmed it up', () => {
      const comparison = new LatencyComparison()
      comparison.newInstances = 1
      expect(pairs(comparison, 122, 20, 30)).toBeUndefined()
      expect(pairs(comparison, 1, 20, 30)).toContain('in 23 of 23 pairs')
    })

    test('needs more of them for each that is not', () => {
      const comparison = new LatencyComparison()
      pairs(comparison, 101, 20, 20)
      expect(pairs(comparison, 24, 20, 30)).toBeUndefined()
      expect(pairs(comparison, 1, 20, 30)).toContain('in 25 of 26 pairs')
    })

    test('warms up again for as many instances as there are when another one comes', () => {
      const comparison = new LatencyComparison()
      pairs(comparison, 50, 20, 30)
      for (const count of [2, 2, 1]) {
        comparison.newInstances = count
        pairs(comparison, 10, 20, 30)
      }
      expect(pairs(comparison, 192, 20, 30)).toBeUndefined()
      expect(pairs(comparison, 1, 20, 30)).toContain('in 23 of 23 pairs')
    })

    test.each([
      [30, 33],
      [5, 6],
    ])(
      'does not call slower what takes no more than a tenth, and a millisecond, longer: %d and %d ms',
      (former, fresh) => {
        expect(pairs(new LatencyComparison(), 1000, former, fresh)).toBeUndefined()
      },
    )
  })

  test('ignores an extra millisecond, and the first answers of an instance', () => {
    const comparison = new LatencyComparison()
    const both = (old: number, fresh: number): void => {
      comparison.add({ isNew: false, request: 'GET /hc', ms: old, isSpread: true })
      comparison.add({ isNew: true, request: 'GET /hc', ms: fresh, isSpread: true })
    }
    for (let count = 0; count < 100; count++) both(1, 500)
    for (let count = 0; count < 1000; count++) both(1, 1.9)
    expect(comparison.blame()).toBeUndefined()
    for (let count = 0; count < 30; count++) both(1, 3)
    expect(comparison.blame()).toBeUndefined()
  })

  test('allows for what another availability zone costs, and still sees half as slow again', () => {
    const comparison = new LatencyComparison()
    const both = (old: number, fresh: number): void => {
      comparison.add({ isNew: false, request: 'GET /hc', ms: old, isSpread: false })
      comparison.add({ isNew: true, request: 'GET /hc', ms: fresh, isSpread: false })
    }
    for (let count = 0; count < 1000; count++) both(2, 6.5)
    for (let count = 0; count < 1000; count++) both(50, 70)
    expect(comparison.blame()).toBeUndefined()
    const slow = new LatencyComparison()
    for (let count = 0; count < 150; count++) {
      slow.add({ isNew: false, request: 'GET /hc', ms: 20, isSpread: false })
      slow.add({ isNew: true, request: 'GET /hc', ms: 60, isSpread: false })
    }
    expect(slow.blame()).toContain('slower')
  })

  test('compares only answers to the same request', () => {
    const comparison = new LatencyComparison()
    for (let count = 0; count < 1000; count++) {
      comparison.add({ isNew: false, request: 'GET /hc', ms: 1, isSpread: true })
      comparison.add({ isNew: true, request: 'PUT /a/x', ms: 50, isSpread: true })
    }
    expect(comparison.blame()).toBeUndefined()
  })
})
