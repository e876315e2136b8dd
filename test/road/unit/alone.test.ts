import { describe, expect, test } from 'bun:test'
import { LoneRelease, LoneTraffic } from '../../../scripts/lib/probe/alone.ts'

const SECOND = 1000

/** Ten responses a second, from `from` to `to` (seconds); every `every`th fails, none if 0. */
function respond(
  release: LoneRelease,
  [from, to]: [number, number],
  { every, isNew = true }: { every: number; isNew?: boolean },
): void {
  for (let count = 0; count < (to - from) * 10; count++) {
    const failed = every > 0 && count % every === 0
    release.add({ at: from * SECOND + count * 100, isNew, failed })
  }
}

test('a release that fails every second request of a minute is to blame once it runs alone', () => {
  const release = new LoneRelease()
  respond(release, [0, 60], { every: 0, isNew: false })
  respond(release, [60, 90], { every: 2 })
  expect(release.blame(0, 0)).toBeUndefined()
  respond(release, [90, 121], { every: 2 })
  expect(release.blame(0, 0)).toContain('alone for a minute, failed')
})

test('a store that is away for half a minute condemns nobody', () => {
  const release = new LoneRelease()
  respond(release, [0, 100], { every: 0 })
  respond(release, [100, 135], { every: 2 })
  expect(release.blame(0, 0)).toBeUndefined()
  respond(release, [135, 200], { every: 0 })
  expect(release.blame(0, 0)).toBeUndefined()
})

test('what the others failed too is not to blame, nor is a release that is not alone', () => {
  const release = new LoneRelease()
  respond(release, [0, 100], { every: 2 })
  expect(release.blame(0.3, 0)).toBeUndefined()
  expect(release.blame(0.1, 0)).toBeDefined()
  release.add({ at: 100 * SECOND, isNew: false, failed: false })
  respond(release, [100, 150], { every: 2 })
  expect(release.blame(0, 0)).toBeUndefined()
})

test('while the probe slept, nobody was alone', () => {
  const release = new LoneRelease()
  respond(release, [0, 60], { every: 0, isNew: false })
  respond(release, [60, 70], { every: 0 })
  respond(release, [1800, 1830], { every: 1 })
  expect(release.blame(0, 0)).toBeUndefined()
  respond(release, [1830, 1851], { every: 1 })
  expect(release.blame(0, 0)).toBeDefined()
})

/** Another release answers rightly at 0; then the new one so many times within a minute, the last time at its end. */
function minute(count: number, failed: number, seconds = 60): LoneRelease {
  const release = new LoneRelease()
  release.add({ at: 0, isNew: false, failed: false })
  for (let each = 1; each <= count; each++) {
    const at = (each * seconds * SECOND) / count
    release.add({ at, isNew: true, failed: each > count - failed })
  }
  return release
}

test('a whole minute alone is enough, and nothing shorter; what is older does not count', () => {
  expect(minute(30, 30).blame(0, 0)).toBe(
    'the new release, alone for a minute, failed 30 of 31 probe requests in that time',
  )
  expect(minute(30, 30, 59).blame(0, 0)).toBeUndefined()
  expect(minute(60, 60, 120).blame(0, 0)).toContain('failed 31 of 31')
})

test('failures within the budget are not to blame', () => {
  expect(minute(30, 12).blame(0, 11)).toContain('failed 12 of 31')
  expect(minute(30, 12).blame(0, 12)).toBeUndefined()
})

test('fewer than twenty responses are no evidence', () => {
  expect(minute(19, 19).blame(0, 0)).toContain('failed 19 of 20')
  expect(minute(18, 18).blame(0, 0)).toBeUndefined()
})

test('a third of the responses is enough, and three times what the others failed', () => {
  expect(minute(29, 10).blame(0, 0)).toContain('failed 10 of 30')
  expect(minute(29, 9).blame(0, 0)).toBeUndefined()
  expect(minute(31, 24).blame(0.25, 0)).toContain('failed 24 of 32')
  expect(minute(31, 23).blame(0.25, 0)).toBeUndefined()
})

test('half a minute without a response is not yet sleep', () => {
  const pausing = (ms: number): LoneRelease => {
    const release = minute(20, 20, 20)
    release.add({ at: 20 * SECOND + ms, isNew: true, failed: true })
    release.add({ at: 60 * SECOND, isNew: true, failed: true })
    return release
  }
  expect(pausing(30_000).blame(0, 0)).toContain('failed 22 of 23')
  expect(pausing(30_001).blame(0, 0)).toBeUndefined()
})

describe('what users get from a release that is left alone', () => {
  /** Failures of a hundred requests in each of two zones, in a round of ten seconds. */
  type Round = [zoneA: number, zoneB: number]

  /** After rounds of the previous release, rounds of the new one; the answer is why it is to blame. */
  function judge(before: Round[], alone: Round[], secondsOfRound = 10): string | undefined {
    const traffic = new LoneTraffic()
    for (const [index, failures] of [...before, ...alone].entries()) {
      const isNew = index >= before.length
      traffic.add(
        failures.map((failed, zone) => ({
          zone: 'ab'[zone] as string,
          isNew,
          requests: 100,
          failed,
        })),
        index * secondsOfRound * SECOND,
      )
    }
    return traffic.blame()
  }

  const rounds = (count: number, ...failures: Round): Round[] => Array(count).fill(failures)

  test('is to blame when all that it got in more than a minute is worse than all before', () => {
    expect(judge(rounds(18, 0, 0), rounds(8, 2, 3))).toBe(
      'the new release, alone, failed 40 of 1600 requests of users in 8 intervals, the previous one 0 of 3600',
    )
  })

  test.each<[string, Round[], Round[]]>([
    ['lasts no longer than a fail-over of the store', rounds(18, 0, 0), rounds(7, 50, 50)],
    ['stops for an interval', rounds(18, 0, 0), [...rounds(7, 9, 9), [0, 0], ...rounds(7, 9, 9)]],
    ['is over', rounds(18, 0, 0), [...rounds(9, 9, 9), [0, 0]]],
    ['happened before, too, if only once', [[9, 9], ...rounds(17, 0, 0)], rounds(17, 9, 9)],
    ['is not three times as bad as before', rounds(18, 2, 2), rounds(17, 6, 6)],
    ['is in one zone', rounds(18, 0, 0), rounds(17, 50, 0)],
    ['has too little before it to be compared with', rounds(5, 0, 0), rounds(17, 50, 50)],
    ['was never compared with anything', [], rounds(17, 50, 50)],
  ])('is nobody’s fault when it %s', (_, before, alone) => {
    expect(judge(before, alone)).toBeUndefined()
  })

  test('is to blame, with a steady share of failures before, from more than three times of it', () => {
    expect(judge(rounds(18, 2, 2), rounds(8, 7, 7))).toContain('failed 112 of 1600')
  })

  test('takes longer to show the fewer intervals there were before, and the longer it was looked at', () => {
    expect(judge(rounds(6, 0, 0), rounds(8, 9, 9))).toContain('in 8 intervals')
    expect(judge(rounds(5, 0, 0), rounds(8, 9, 9))).toBeUndefined()
    const late = (good: number) =>
      judge(rounds(7, 0, 0), [...rounds(good, 0, 0), ...rounds(8, 9, 9)])
    expect(late(1)).toContain('in 8 intervals')
    expect(late(2)).toBeUndefined()
  })

  test('is to blame by its share, in intervals of few requests, too', () => {
    const traffic = new LoneTraffic()
    for (let round = 0; round < 40; round++) {
      const isNew = round >= 20
      const [requests, failed] = isNew ? [5, 1] : [100, round === 0 ? 15 : 0]
      traffic.add([{ zone: 'a', isNew, requests, failed }], round * 10 * SECOND)
    }
    expect(traffic.blame()).toContain('failed 20 of 100 requests')
  })

  test('is judged by time, not by intervals: many short ones are no minute', () => {
    expect(judge(rounds(40, 0, 0), rounds(12, 9, 9), 5)).toBeUndefined()
    expect(judge(rounds(40, 0, 0), rounds(14, 9, 9), 5)).toContain('in 14 intervals')
  })

  test('begins anew when the previous release serves again, and an interval without requests is none', () => {
    const traffic = new LoneTraffic()
    const add = (at: number, isNew: boolean, failed: number) =>
      traffic.add([{ zone: 'a', isNew, requests: 100, failed }], at * SECOND)
    for (let at = 0; at < 200; at += 10) add(at, false, 0)
    for (let at = 200; at < 270; at += 10) add(at, true, 50)
    add(270, false, 0)
    for (let at = 280; at < 340; at += 10) add(at, true, 50)
    traffic.add([], 340 * SECOND)
    expect(traffic.blame()).toBeUndefined()
    add(350, true, 50)
    add(360, true, 50)
    expect(traffic.blame()).toContain('failed 400 of 800')
  })
})
