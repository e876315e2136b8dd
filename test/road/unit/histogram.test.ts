import { expect, test } from 'bun:test'
import { type Latencies, note, percentileOf } from '../../../scripts/lib/probe/histogram.ts'
import fc from '../../lab/support/fast-check.ts'

test('a percentile is accurate to two percent', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.05, max: 20_000, noNaN: true }), { minLength: 1 }),
      fc.constantFrom(1, 50, 90, 99, 100),
      (times, percent) => {
        const latencies: Latencies = {}
        for (const ms of times) note(latencies, ms)
        const exact = times.toSorted((a, b) => a - b)[
          Math.max(1, Math.ceil((percent / 100) * times.length)) - 1
        ] as number
        const told = percentileOf(latencies, percent) as number
        expect(Math.abs(told / exact - 1)).toBeLessThan(0.02)
      },
    ),
  )
})
