import { describe, expect, test } from 'bun:test'
import { Concentration } from '../../../scripts/lib/probe/concentration.ts'
import { readCounters, since } from '../../../scripts/lib/probe/counters.ts'
import { Sum, Traffic } from '../../../scripts/lib/probe/traffic.ts'
import { sample } from '../../../scripts/lib/probe/traffic-watch.ts'
import { randomOf } from '../../../scripts/lib/release/compat/random.ts'

/** Readings of one instance of each release and two more of the old, each with so many requests and failures in total. */
const readings = (requests: number, failures: [fresh: number, ...others: number[]]) =>
  failures.map((serverErrors, index) => ({
    id: `i-${index}`,
    zone: 'abc'[index] ?? 'a',
    isNew: index === 0,
    counters: { 9464: { started: 1, requests, serverErrors, buckets: { 0.005: requests } } },
  }))

describe('what an instance answered between two readings', () => {
  const worker = (started: number, requests: number, serverErrors = 0) => ({
    started,
    requests,
    serverErrors,
    buckets: { 0.005: requests },
  })

  test('is the difference of its counters, over all workers', () => {
    const before = { 9464: worker(1, 10, 2), 9465: worker(1, 5) }
    const after = { 9464: worker(1, 30, 3), 9465: worker(1, 6) }
    expect(since(before, after)).toEqual({
      requests: 21,
      failed: 1,
      within: new Map([[0.005, 21]]),
    })
  })

  test('counts from the start of a worker that was restarted meanwhile, and never backwards', () => {
    expect(since({ 9464: worker(1, 1000, 9) }, { 9464: worker(2, 7, 1) })).toMatchObject({
      requests: 7,
      failed: 1,
    })
    expect(since({ 9464: worker(1, 1000) }, { 9464: worker(1, 7) }).requests).toBe(7)
  })

  test('leaves out a worker that was not read before', () => {
    expect(since({}, { 9464: worker(1, 1000) }).requests).toBe(0)
  })

  test.each([
    '',
    'curl: not found',
    '[1]',
    'null',
    '{"9464":{"started":1}}',
    '{"9464":{"started":1,"requests":-1,"serverErrors":0,"buckets":{}}}',
  ])('is not read from %p', (text) => expect(readCounters(text)).toBeUndefined())
})

test('evidence pays what it is worth by chance: nothing, however many spots of a round are bad', () => {
  const random = randomOf(1)
  let sum = 0
  const TIMES = 200_000
  for (let time = 0; time < TIMES; time++) {
    const test = new Concentration()
    const bad = random()
    for (let round = 0; round < 2; round++)
      test.add(
        Array.from({ length: 6 }, (_, index) => ({ isMarked: index < 2, isBad: random() < bad })),
      )
    sum += test.odds
  }
  expect(sum / TIMES).toBeCloseTo(1, 1)
})

test('a bad spot that is marked pays what it is likelier to be at three to one, and at thirty to one', () => {
  const test = new Concentration()
  const spot = { isMarked: false, isBad: false }
  test.add([{ isMarked: true, isBad: true }, spot, spot, spot])
  expect(test.odds).toBeCloseTo(((3 * 4) / (3 + 3) + (30 * 4) / (30 + 3)) / 2, 10)
})

/** What an instance answers in an interval: of its requests some fail, and so many are answered within each bound. */
interface Answered {
  requests?: number
  failed?: number
  within?: Record<number, number>
}

/** `new` or `old`, its zone, and a number if there are more of them. */
type Fleet = Record<`${'new' | 'old'}-${string}`, Answered>

/** Users of a fleet; who comes later is first read at the end of an interval. */
class Users {
  readonly traffic = new Traffic()
  private readonly counters = new Map<string, Required<Answered>>()
  private at = 5000

  /** Adds so many intervals in which the same is answered. */
  play(times: number, fleet: Fleet): string | undefined {
    for (const name of Object.keys(fleet))
      if (!this.counters.has(name)) this.counters.set(name, { requests: 0, failed: 0, within: {} })
    if (this.at === 5000) this.read(Object.keys(fleet))
    for (let time = 0; time < times; time++) {
      for (const [
        name,
        { requests = 100, failed = 0, within = { 0.005: requests } },
      ] of Object.entries(fleet)) {
        const counter = this.counters.get(name) as Required<Answered>
        counter.requests += requests
        counter.failed += failed
        for (const [bound, count] of Object.entries(within))
          counter.within[Number(bound)] = (counter.within[Number(bound)] ?? 0) + count
      }
      this.read(Object.keys(fleet))
    }
    return this.traffic.blame()
  }

  private read(names: string[]): void {
    const readings = names.map((id) => {
      const { requests, failed, within } = this.counters.get(id) as Required<Answered>
      const worker = { started: 1, requests, serverErrors: failed, buckets: { ...within } }
      const [release, zone = ''] = id.split('-')
      return { id, zone, isNew: release === 'new', counters: { 9464: worker } }
    })
    this.traffic.add(readings, this.at)
    this.at += 10_000
  }
}

/** So many instances of a release, in zones of their own. */
const many = (release: 'new' | 'old', count: number, answered: Answered) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`${release}-z${index}`, answered]),
  )

describe('by its failures a release is to blame', () => {
  test('when one new instance of three fails in each of eight intervals, in words with both counts', () => {
    const users = new Users()
    const fleet = { 'new-a': { failed: 1 }, 'old-b': {}, 'old-c': {} }
    expect(users.play(7, fleet)).toBeUndefined()
    expect(users.play(1, fleet)).toBe(
      'the new release failed 8 of 800 requests of users, the previous one 0 of 1600',
    )
  })

  test('not for one burst, however many instances it is on, but in the third interval', () => {
    const users = new Users()
    const fails = { ...many('new', 10, { failed: 50 }), ...many('old', 10, {}) }
    const well = { ...many('new', 10, {}), ...many('old', 10, {}) }
    expect(users.play(1, fails)).toBeUndefined()
    expect(users.play(9, well)).toBeUndefined()
    expect(users.play(1, fails)).toBeUndefined()
    expect(users.play(1, fails)).toContain('failed 1500 of 12000')
  })

  test('not for four failures, but for the fifth', () => {
    const users = new Users()
    const fleet = { 'new-a': { failed: 1 }, ...many('old', 49, {}) }
    expect(users.play(4, fleet)).toBeUndefined()
    expect(users.play(1, fleet)).toContain('failed 5 of 500')
  })

  test.each<[string, Fleet]>([
    [
      'than of an instance with fewer requests',
      { 'new-a': { requests: 900, failed: 9 }, 'old-b': { failed: 1 } },
    ],
    [
      'than the average, in which requests count and not instances',
      { 'new-a': { failed: 10 }, 'old-b': { requests: 1000, failed: 200 }, 'old-c': {} },
    ],
  ])('not where its share is no larger %s', (_, fleet) => {
    expect(new Users().play(60, fleet)).toBeUndefined()
  })

  test('for a single request in each interval, and beside an instance that got none', () => {
    const fleet = { 'new-a': { requests: 1, failed: 1 }, 'old-b': { requests: 1 } }
    expect(new Users().play(13, { ...fleet, 'old-c': { requests: 0 } })).toContain('13 of 13')
    expect(new Users().play(13, { 'new-a': { failed: 1 }, 'old-b': {} })).toContain('13 of 1300')
  })

  test('where a zone is sick for the previous release, only for what is new elsewhere', () => {
    const old = { 'old-a': { failed: 9 }, 'old-b': {}, 'old-c': {} }
    expect(new Users().play(60, { ...old, 'new-a': { failed: 9 } })).toBeUndefined()
    expect(new Users().play(60, { ...old, 'new-b': { failed: 9 } })).toContain(
      'the new release failed',
    )
    const busy = {
      'old-a': { requests: 900, failed: 9 },
      'old-b': { failed: 1 },
      'old-c': { failed: 1 },
    }
    expect(new Users().play(60, { ...busy, 'new-a': { failed: 9 } })).toContain(
      'the new release failed',
    )
  })

  test('and a zone is suspected after two intervals in which it alone was sick, not after one', () => {
    const judge = (sick: number): string | undefined => {
      const users = new Users()
      users.play(sick, { 'old-a': { failed: 9 }, 'old-b': {}, 'old-c': {} })
      return users.play(60, { 'new-a': { failed: 9 }, 'old-a': {}, 'old-b': {}, 'old-c': {} })
    }
    expect(judge(1)).toContain('the new release failed')
    expect(judge(2)).toBeUndefined()
  })

  test('when it is alone, by what the previous one failed before', () => {
    const users = new Users()
    users.play(18, { 'old-a': {}, 'old-b': {} })
    // Of its first reading nothing is known but that it is there.
    users.play(1, { 'new-a': {}, 'old-a': {} })
    expect(users.play(8, { 'new-a': { failed: 9 } })).toContain('the new release, alone, failed')
  })
})

describe('by its latency a release is to blame', () => {
  const slow = { within: { 0.005: 0, 0.01: 0, 0.025: 100 } }
  const fast = { within: { 0.005: 100, 0.01: 100, 0.025: 100 } }
  const others = { 'old-b': fast, 'old-c': fast }

  test('when one new instance of three is slow in each of eight intervals, without its first four', () => {
    const users = new Users()
    expect(users.play(11, { 'new-a': slow, ...others })).toBeUndefined()
    expect(users.play(1, { 'new-a': slow, ...others })).toBe(
      'the new release was at least twice as slow for users as the previous one in 8 intervals (p95 24 ms, the previous one 5 ms)',
    )
  })

  test('not for two intervals, however many instances are slow in them, but in the third', () => {
    const users = new Users()
    const fleet = { ...many('new', 10, slow), ...many('old', 10, fast) }
    expect(users.play(6, fleet)).toBeUndefined()
    expect(users.play(1, fleet)).toContain('twice as slow for users')
  })

  /** Of a hundred requests, how many take so long at most: 1, 5, 10 and 25 ms. */
  const within = (...counts: [number, number, number, number]): Answered => ({
    within: Object.fromEntries(
      [0.001, 0.005, 0.01, 0.025].map((bound, index) => [bound, counts[index] ?? 0]),
    ),
  })

  test.each<[boolean, string, Answered, Answered]>([
    [false, 'a bucket slower', within(0, 0, 100, 100), within(0, 100, 100, 100)],
    [false, 'slower below 5 ms', within(0, 100, 100, 100), within(100, 100, 100, 100)],
    [false, 'slow in one request of a hundred', within(0, 99, 99, 100), within(0, 100, 100, 100)],
    [true, 'slow in two of a hundred', within(0, 98, 98, 100), within(0, 100, 100, 100)],
    [
      true,
      'slow, where a tenth of the others is, too',
      within(0, 0, 0, 100),
      within(0, 90, 95, 100),
    ],
    [
      false,
      'like a bucket above, where more than a tenth is',
      within(0, 0, 0, 100),
      within(0, 89, 95, 100),
    ],
    [
      false,
      'as slow, where none of the bounds is wide enough',
      within(0, 50, 50, 50),
      within(0, 50, 50, 50),
    ],
  ])('(%p) that is %s', (isBlamed, _, fresh, former) => {
    const fleet = { 'new-a': fresh, 'old-b': former, 'old-c': former }
    expect(new Users().play(60, fleet) !== undefined).toBe(isBlamed)
  })
})

test('percentiles are interpolated within a bucket of the histogram, over all that was added', () => {
  const sum = new Sum()
  expect(sum.answered()).toEqual({ requests: 0, failed: 0, p50: null, p99: null })
  const half = (counts: [number, number][]) => ({
    requests: 50,
    failed: 1,
    within: new Map(counts),
  })
  sum.add(
    half([
      [0.01, 10],
      [0.1, 40],
      [1, 50],
    ]),
  )
  sum.add(
    half([
      [0.01, 40],
      [0.1, 40],
      [1, 50],
    ]),
  )
  expect(sum.answered()).toEqual({ requests: 100, failed: 2, p50: 10, p99: expect.closeTo(955, 6) })
  expect(sum.percentile(65)).toBeCloseTo(55, 6)
  sum.add({ requests: 100, failed: 0, within: new Map() })
  expect(sum.percentile(99)).toBe(1000)
  const none = new Sum()
  none.add({ requests: 0, failed: 0, within: new Map([[0.01, 0]]) })
  expect(none.percentile(50)).toBeNull()
  none.add({ requests: 1, failed: 0, within: new Map([[0.01, 0]]) })
  expect(none.percentile(50)).toBe(10)
})

test('what the rollout itself has sent is not taken for users', () => {
  const traffic = new Traffic()
  expect(traffic.usersPerSecond(3)).toBeUndefined()
  // Of all that instances count, ten were on their way at the first reading and three at the second.
  traffic.add(readings(1000, [0, 0, 0]), 5000, { least: 80, most: 90 })
  expect(traffic.usersPerSecond(3)).toBeUndefined()
  traffic.add(readings(1100, [0, 0, 0]), 15_000, { least: 377, most: 380 })
  expect(traffic.usersPerSecond(3)).toBe(0)
  traffic.add(readings(1500, [0, 0, 0]), 25_000, { least: 677, most: 680 })
  expect(traffic.usersPerSecond(6)).toBe(120)
})

test('of a large fleet, one command reads half of each release, from all zones', () => {
  const members = Array.from({ length: 120 }, (_, index) => ({
    id: `i-${index}`,
    zone: 'abc'[index % 3] as string,
    templateVersion: index < 100 ? 1 : 2,
    launchedAt: new Date(index),
  })) as Parameters<typeof sample>[0]
  const chosen = sample(members, 2)
  expect(chosen.filter(({ templateVersion }) => templateVersion === 2)).toHaveLength(20)
  const others = chosen.filter(({ templateVersion }) => templateVersion === 1)
  expect(others).toHaveLength(30)
  for (const zone of 'abc') expect(others.filter((each) => each.zone === zone)).toHaveLength(10)
  expect(sample(members.slice(0, 5), 2)).toHaveLength(5)
})
