import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { clockTime } from '../../../scripts/lib/cli/format.ts'
import { forecast } from '../../../scripts/lib/probe/forecast.ts'
import { root } from '../../../scripts/lib/service.ts'
import { fleetOf, play, ROUND_SECONDS, type World } from './users.ts'

/** From then on only the new release serves, where there are several instances. */
const ALONE = 22

/** What happens to users of both releases alike. Rounds are of ten seconds; the new release serves from the third. */
const ALIKE: Record<string, World> = {
  'nothing fails': { requests: 100 },
  'one in a thousand fails': { requests: 300, fails: { fresh: 0.001, former: 0.001 } },
  'one in fifty fails': { requests: 100, fails: { fresh: 0.02, former: 0.02 } },
  'instances get unequal shares': {
    requests: 300,
    fails: { fresh: 0.001, former: 0.001 },
    uneven: 0.3,
  },
  'failures come in bursts': { requests: 100, bursts: { perRound: 0.5, size: 40 } },
  'one client fails all the time': { requests: 100, abuse: { perSecond: 50, from: 3, to: 30 } },
  'a zone is sick': { requests: 100, sickZone: { zone: 'a', share: 0.05, from: 0 } },
  'the store fails for a minute': { requests: 100, store: { share: 0.5, from: 5, to: 11 } },
  'the store fails for a minute, when the previous release is gone': {
    requests: 100,
    store: { share: 0.5, from: ALONE, to: ALONE + 7 },
  },
  'a zone falls sick, when the previous release is gone': {
    requests: 100,
    sickZone: { zone: 'a', share: 0.5, from: ALONE },
  },
}
/** A large fleet takes longer to play. Of a thousand rollouts one is stopped, at most, in the long run. */
const RUNS = { 1: 1000, 2: 1000, 3: 1000, 20: 200 }
const MOST = 2

describe.each(Object.entries(RUNS))(
  'on %s instances, where both releases are as good,',
  (size, runs) => {
    test.each(Object.entries(ALIKE))(
      `at most ${MOST} of ${runs} rollouts are stopped: %s`,
      (what, world) => {
        const fleet = fleetOf(Number(size), 6)
        let stopped = 0
        for (let seed = 1; seed <= runs; seed++) if (play(seed, world, fleet)) stopped++
        if (stopped > 0) console.log(`${size} instances, ${what}: ${stopped} stopped`)
        expect(stopped).toBeLessThanOrEqual(MOST)
      },
      300_000,
    )
  },
)

test('where a zone falls sick while only the new release serves there, nobody can tell them apart', () => {
  const world = { requests: 100, sickZone: { zone: 'a', share: 0.05, from: 10 } }
  expect(play(1, world, fleetOf(3, 24))?.why).toContain('the new release failed')
  expect(play(1, world, fleetOf(6, 24))).toBeUndefined()
})

test('what fails in every zone for longer than a minute, when the previous release is gone, is held against the new one', () => {
  const begins = { from: ALONE, to: 99 }
  expect(play(1, { requests: 100, store: { share: 0.5, ...begins } }, fleetOf(3, 6))?.why).toMatch(
    /^the new release, alone, failed \d+ of \d+ requests of users in 8 intervals, the previous one 0 of \d+$/,
  )
  const client = { requests: 100, abuse: { perSecond: 50, ...begins } }
  expect(play(1, client, fleetOf(3, 6))?.why).toContain('the new release, alone')
})

describe('in rollout.md it says', async () => {
  const SHARES = [1, 0.1, 0.01, 0.001]
  const rows = (await Bun.file(join(root, 'scripts/docs/rollout.md')).text()).split('\n')
  /** Where users send less, the pauses are long. */
  const pausesOf = (perSecond: number) => (perSecond < 19 ? 18 : 6)

  /** When half of the rollouts are stopped, from the first round that could show it, and at what cost. */
  const cellOf = (perSecond: number, share: number, isAlone: boolean): string => {
    const fails = { fresh: isAlone ? 0 : share, former: 0, alone: share }
    const fleet = fleetOf(3, pausesOf(perSecond))
    const from = isAlone ? fleet.findIndex((serving) => serving.every(({ isNew }) => isNew)) : 2
    const runs = Array.from({ length: 201 }, (_, seed) =>
      play(seed, { requests: perSecond, fails }, fleet),
    )
    const round = median(runs.map((run) => run?.round ?? Infinity))
    if (round === Infinity) return 'alarms, if at all'
    const harmed = median(runs.map((run) => run?.failed ?? Infinity))
    const seen = Math.round((100 * runs.filter(Boolean).length) / runs.length)
    const inAll = seen === 100 ? '' : ` (${seen} %)`
    return `${clockTime((round + 1 - from) * ROUND_SECONDS)}, ${harmed.toLocaleString('en')}${inAll}`
  }

  test.each(
    [1000, 100, 10, 1].flatMap((perSecond) =>
      [false, true].map((isAlone) => [perSecond, isAlone] as const),
    ),
  )('what is seen with %d requests a second; of a release that fails only alone: %p', (...each) => {
    const [perSecond, isAlone] = each
    const users = `${perSecond.toLocaleString('en')} a second${isAlone ? ', alone' : ''}`
    const cells = SHARES.map((share) => cellOf(perSecond, share, isAlone))
    expect(rows.find((row) => row.startsWith(`| ${users} |`))).toBe(
      `| ${users} | ${cells.join(' | ')} |`,
    )
  })
})

test('a release four times as slow is stopped, one that is half as slow again is not', () => {
  const runs = (slower: number) =>
    Array.from({ length: 100 }, (_, seed) => play(seed, { requests: 100, slower }, fleetOf(3, 12)))
  expect(runs(4).filter((run) => run?.why.includes('twice as slow'))).toHaveLength(100)
  expect(runs(1.5).filter(Boolean)).toHaveLength(0)
})

describe('the forecast', () => {
  const CASES = [2, 3, 6, 10, 30].flatMap((instances) =>
    [10, 100, 1000].flatMap((perSecond) =>
      [0.5, 0.1, 0.01, 0.001].map((share) => ({ instances, perSecond, share })),
    ),
  )

  test.each(CASES)('is what the simulation shows, within ten seconds: %p', (each) => {
    const { instances, perSecond, share } = each
    const fleet = fleetOf(instances, 6)
    const world = { requests: perSecond, fails: { fresh: share, former: 0 } }
    const runs = Array.from({ length: 41 }, (_, seed) => play(seed, world, fleet))
    const [seconds, harmed] = [
      median(runs.map((run) => (run ? (run.round - 1) * 10 : Infinity))),
      median(runs.map((run) => run?.failed ?? Infinity)),
    ]
    const told = forecast(
      {
        instances,
        first: Math.max(1, Math.ceil(instances / 10)),
        perSecond,
        warmupSeconds: 70,
        checkpointSeconds: 60,
        roundSeconds: 10,
      },
      share,
    )
    expect(Number.isFinite(seconds)).toBe(told !== undefined)
    if (!told) return
    expect(Math.abs(told.seconds - seconds)).toBeLessThanOrEqual(10)
    expect(Math.abs(told.harmed / harmed - 1)).toBeLessThan(0.25)
  })
})

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] as number
