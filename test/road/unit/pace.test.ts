import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Fleet } from '../../../scripts/lib/fleet/fleet.ts'
import { fittingCheckpoints } from '../../../scripts/lib/fleet/refresh.ts'
import { checkpointsFor } from '../../../scripts/lib/rollout/options.ts'
import { courseOf, type PaceSettings, pausesFor } from '../../../scripts/lib/rollout/pace.ts'
import { root } from '../../../scripts/lib/service.ts'

const SETTINGS: PaceSettings = {
  checkpointDelaySeconds: undefined,
  watchSeconds: undefined,
  trafficSeconds: 10,
  rate: 10,
  noProbe: false,
}
const fleet = (desired: number): Fleet =>
  ({ desired, group: { DefaultInstanceWarmup: 60 } }) as Fleet

const slow = (desired: number) => ({
  percentages: fittingCheckpoints(checkpointsFor(desired), desired),
  delayMs: 180_000,
  answers: 20,
  watchSeconds: 60,
})

const pausesOf = (desired: number, perSecond: number | undefined, changed: object = {}) =>
  pausesFor(fleet(desired), slow(desired), perSecond, { ...SETTINGS, ...changed })

test('with enough of users, checkpoints last a minute, and the alarms still see the whole fleet for as long', () => {
  const { pauses, why } = pausesOf(3, 100)
  expect(pauses).toEqual({ ...slow(3), delayMs: 60_000, watchSeconds: 120 })
  expect(why).toBe(
    'users send 100 requests a second: a checkpoint lasts 1:00, and then the alarms watch for 2:00',
  )
})

test('whoever looks each second sees a bad release within a minute, too', () => {
  expect(pausesOf(3, 100, { trafficSeconds: 1 }).pauses.delayMs).toBe(60_000)
})

test('the alarms watch no shorter than they would have', () => {
  expect(
    pausesFor(fleet(3), { ...slow(3), watchSeconds: 300 }, 100, SETTINGS).pauses.watchSeconds,
  ).toBe(300)
})

describe('checkpoints wait for the alarms', () => {
  const alarms = 'a checkpoint lasts 3:00, until the slowest alarm can ring'
  test.each<[string, number | undefined, object, string]>([
    [
      'users are too few',
      1.4,
      {},
      `users send 1 requests a second, too few to tell a bad release in a minute: ${alarms}`,
    ],
    ['nobody knows what they send', undefined, {}, `nobody knows what users send: ${alarms}`],
    [
      'nobody looks',
      100,
      { trafficSeconds: 0 },
      `users send 100 requests a second, too few to tell a bad release in a minute: ${alarms}`,
    ],
    [
      'a slow probe would get too few answers in a minute',
      100,
      { rate: 1 },
      `users send 100 requests a second, too few to tell a bad release in a minute: ${alarms}`,
    ],
    [
      'somebody has set how long they last',
      100,
      { checkpointDelaySeconds: 180 },
      'a checkpoint lasts 3:00, as was set',
    ],
    [
      'somebody has set how long the alarms watch',
      100,
      { watchSeconds: 60 },
      'a checkpoint lasts 3:00, as was set',
    ],
  ])('where %s', (_, perSecond, changed, why) => {
    expect(pausesOf(3, perSecond, changed)).toEqual({ pauses: slow(3), why })
  })
})

test('a rollout without checkpoints stays without', () => {
  const none = { ...slow(3), percentages: [] }
  expect(pausesFor(fleet(3), none, 100, SETTINGS).pauses).toEqual(none)
})

test('rollout.md says from how many requests a second on users decide', async () => {
  const fewest = (desired: number): number =>
    Array.from({ length: 100 }, (_, perSecond) => perSecond).findIndex(
      (perSecond) => pausesOf(desired, perSecond).pauses.delayMs === 60_000,
    )
  const text = await Bun.file(join(root, 'scripts/docs/rollout.md')).text()
  const [, ...said] =
    /send (\d+) requests a second or more \(two instances (\d+), ten (\d+)\)/.exec(text) ?? []
  expect(said.map(Number)).toEqual([fewest(3), fewest(2), fewest(10)])
})

test('a course counts what the first checkpoint replaces, as AWS rounds it', () => {
  const course = (desired: number) => courseOf(fleet(desired), slow(desired), 7, SETTINGS)
  expect(course(11)).toEqual({
    instances: 11,
    first: 2,
    perSecond: 7,
    warmupSeconds: 60,
    checkpointSeconds: 180,
    roundSeconds: 10,
  })
  expect(courseOf(fleet(3), { ...slow(3), percentages: [] }, 7, SETTINGS).first).toBe(3)
})
