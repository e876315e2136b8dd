import { describe, expect, test } from 'bun:test'
import { Concentration } from '../../../scripts/lib/probe/concentration.ts'
import { readCounters, since } from '../../../scripts/lib/probe/counters.ts'
import { Traffic } from '../../../scripts/lib/probe/traffic.ts'
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

test('one burst of failures, however large, blames nobody', () => {
  const traffic = new Traffic()
  traffic.add(readings(0, [0, 0, 0]), 0)
  for (let round = 1; round < 6; round++)
    traffic.add(readings(1000 * round, [900, 0, 0]), round * 10_000)
  expect(traffic.blame()).toBeUndefined()
  expect(traffic.ofNew).toMatchObject({ requests: 5000, failed: 900 })
})

test('a release that fails in each interval is to blame, in words with both counts', () => {
  const traffic = new Traffic()
  for (let round = 0; round < 12; round++)
    traffic.add(readings(1000 * round, [10 * round, 0, 0]), round * 10_000)
  expect(traffic.blame()).toBe(
    'the new release failed 110 of 11000 requests of users, the previous one 0 of 22000',
  )
  expect(traffic.usersPerSecond(3)).toBe(300)
})

test('what the rollout itself has sent is not taken for users', () => {
  const traffic = new Traffic()
  expect(traffic.usersPerSecond(3)).toBeUndefined()
  // Of all that instances count, ten were on their way at the first reading and three at the second.
  traffic.add(readings(1000, [0, 0, 0]), 0, { least: 80, most: 90 })
  traffic.add(readings(1100, [0, 0, 0]), 10_000, { least: 377, most: 380 })
  expect(traffic.usersPerSecond(3)).toBe(0)
  traffic.add(readings(1500, [0, 0, 0]), 20_000, { least: 677, most: 680 })
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
