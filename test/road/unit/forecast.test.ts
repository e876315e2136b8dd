import { expect, test } from 'bun:test'
import { forecast } from '../../../scripts/lib/probe/forecast.ts'

/** A round of ten seconds: seven of them beside all old instances, six at the first checkpoint, and seven beside all new ones. */
const course = (instances: number, first: number, perSecond: number) => ({
  ...{ instances, first, perSecond },
  ...{ warmupSeconds: 70, checkpointSeconds: 60, roundSeconds: 10 },
})

test.each([
  ['by one new instance of four, after evidence of seven intervals', course(3, 1, 1000), 1, 8],
  ['by three of 33, after three intervals, since fewer are too few', course(30, 3, 1000), 1, 4],
  ['by two of 62, after five failures, since 4.8 are too few', course(60, 2, 3.72), 1, 6],
  ['once all new instances serve, if few fail', course(10, 1, 10), 0.03, 16],
])('a fault is seen %s, and harms what the new release was sent until then', (_, ...each) => {
  const [{ instances, first, perSecond, ...lengths }, share, rounds] = each
  const harmedIn = (fresh: number, old: number) => (share * perSecond * 10 * fresh) / (fresh + old)
  const [beside, stopped] = [Math.min(rounds, 7), Math.min(Math.max(0, rounds - 7), 6)]
  const harmed =
    beside * harmedIn(first, instances) +
    stopped * harmedIn(first, instances - first) +
    (rounds - beside - stopped) * harmedIn(instances, instances - first)
  const seen = forecast({ instances, first, perSecond, ...lengths }, share)
  expect(seen?.seconds).toBe(rounds * 10)
  expect(seen?.harmed).toBeCloseTo(harmed, 6)
})

test('what nobody would see while both serve is left to the alarms', () => {
  expect(forecast(course(3, 1, 1), 0.01)).toBeUndefined()
})
