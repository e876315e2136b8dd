import { describe, expect, test } from 'bun:test'
import type { InstanceRefreshStatus } from '@aws-sdk/client-auto-scaling'
import type { Fleet, Member } from '../../../scripts/lib/fleet/fleet.ts'
import {
  type Action,
  firstMemory,
  type Goal,
  outlookOf,
  type Seen,
  step,
} from '../../../scripts/lib/rollout/decide.ts'

const GOAL: Goal = {
  templateVersion: 2,
  refreshId: 'refresh',
  isRollback: false,
  isGuarded: true,
  deadline: 3_600_000,
  stallMs: 600_000,
  gapMs: 700_000,
  checkpoints: { percentages: [50, 100], delayMs: 120_000, watchSeconds: 60, answers: 20 },
}

const member = (version: number, isHealthy = true): Member => ({
  id: `i-${version}`,
  zone: 'a',
  templateVersion: version,
  release: undefined,
  ami: undefined,
  privateIp: undefined,
  launchedAt: undefined,
  lifecycle: 'InService',
  health: 'Healthy',
  target: isHealthy ? 'healthy' : 'initial',
  targetReason: undefined,
  targetDescription: undefined,
  port: undefined,
})

const fleet = (
  status: InstanceRefreshStatus,
  percent: number,
  members = [member(1), member(2)],
): Fleet => ({
  at: new Date(0),
  group: {} as Fleet['group'],
  name: 'group',
  desired: 2,
  templateVersion: 1,
  members,
  refresh: { InstanceRefreshId: 'refresh', Status: status, PercentageComplete: percent },
})

/** What the controller does over a series of looks, each so many seconds after the first. */
function follow(goal: Goal, looks: [seconds: number, seen: Omit<Seen, 'now'>][]): Action[] {
  let memory = firstMemory(0)
  return looks.flatMap(([seconds, seen]) => {
    const next = step(goal, memory, { now: seconds * 1000, ...seen })
    memory = next.memory
    return next.actions
  })
}

const look = (
  seconds: number,
  seen: Fleet,
  answers?: number,
  blame?: string,
): [number, Omit<Seen, 'now'>] => [
  seconds,
  {
    fleet: seen,
    answers: answers === undefined ? undefined : { ofNew: answers, ofAll: 10 * seconds },
    blame,
  },
]

const running = (percent: number): Fleet => fleet('InProgress', percent)

describe('a checkpoint', () => {
  test('that ends with too few answers of the new release is where the rollout goes back', () => {
    const actions = follow(GOAL, [
      look(0, running(0), 0),
      look(60, running(50), 3),
      look(150, running(50), 10),
      look(156, running(50), 22),
    ])
    expect(actions).toEqual([
      {
        kind: 'roll back',
        why: 'the new release answered 19 probe requests at the 50 % checkpoint, 20 are required',
      },
    ])
  })

  test('counts the answers since it was reached, at each of them anew', () => {
    const [action] = follow(GOAL, [
      look(60, running(50), 3),
      look(170, running(50), 23),
      look(200, running(100), 23),
      look(310, running(100), 24),
    ])
    expect(action).toMatchObject({ kind: 'roll back' })
    expect(JSON.stringify(action)).toContain('answered 1 probe requests at the 100 %')
  })

  test.each([
    ['that gave enough answers', GOAL, 23],
    ['where it cannot be told who answers', GOAL, undefined],
    ['of a goal without checkpoints', { ...GOAL, checkpoints: undefined }, 3],
    ['of what start did not start', { ...GOAL, isGuarded: false }, 3],
  ])('%s lets the rollout go on', (_, goal, answers) => {
    const looks = [look(60, running(50), 3), look(170, running(50), answers)]
    expect(follow(goal, looks)).toEqual([])
  })
})

test('a probe that hears from fewer than twice as many as are required tells nothing of the new release', () => {
  const heard = (seconds: number, ofNew: number, ofAll: number): [number, Omit<Seen, 'now'>] => [
    seconds,
    { fleet: running(50), answers: { ofNew, ofAll }, blame: undefined },
  ]
  expect(follow(GOAL, [heard(60, 5, 10), heard(170, 5, 49), heard(300, 5, 49)])).toEqual([])
  expect(follow(GOAL, [heard(60, 5, 10), heard(170, 5, 50)])).toHaveLength(1)
  const unknown = look(60, running(50))
  expect(follow(GOAL, [unknown, heard(170, 19, 40)])).toMatchObject([
    { why: expect.stringContaining('answered 19 probe requests') },
  ])
  expect(follow(GOAL, [unknown, heard(170, 20, 40)])).toEqual([])
})

test('a rollback that AWS refused is asked for again every 30 s, and what ships all the same is no success', () => {
  const actions = follow(GOAL, [
    look(0, running(0), 0, 'it fails'),
    look(29, running(0), 0),
    look(30, running(0), 0),
    look(59, running(0), 0),
    look(65, fleet('Successful', 100), 0),
  ])
  expect(actions.map(({ kind }) => kind)).toEqual(['roll back', 'roll back', 'end'])
  expect(actions.at(-1)).toMatchObject({ ending: { status: 'Successful', blame: 'it fails' } })
})

test('what AWS gives up ends with its reason, and a way back marks no release', () => {
  const failed = fleet('RollbackFailed', 0)
  Object.assign(failed.refresh ?? {}, { StatusReason: 'no capacity' })
  const ending = { status: 'RollbackFailed', reason: 'no capacity', blame: undefined } as const
  const end = { kind: 'end' as const, ending }
  expect(follow(GOAL, [look(0, failed)])).toEqual([{ kind: 'mark' }, end])
  expect(follow({ ...GOAL, isRollback: true }, [look(0, failed)])).toEqual([end])
})

test('what is not over when its time is up has timed out, and a refresh that AWS does not list yet is pending', () => {
  const unlisted = { ...running(0), refresh: undefined }
  const looks = [look(60, unlisted), look(120, unlisted)]
  const goal = { ...GOAL, deadline: 120_000 }
  expect(follow(goal, looks)).toEqual([])
  const timedOut = { status: 'timed out', reason: 'not finished in the time allowed' } as const
  expect(follow(goal, [...looks, look(121, unlisted)])).toEqual([{ kind: 'end', ending: timedOut }])
  expect(follow(goal, [look(121, fleet('Cancelled', 0))])).toMatchObject([
    { ending: { status: 'Cancelled' } },
  ])
})

describe('without a refresh,', () => {
  const alone: Goal = { ...GOAL, refreshId: undefined, isGuarded: false, checkpoints: undefined }
  const members = (...all: Member[]): Fleet => ({ ...running(0), members: all, refresh: undefined })
  const settled = { kind: 'end', ending: { status: 'Successful', reason: '' } } as const

  test.each<[string, Fleet, Action[]]>([
    [
      'all that are desired are healthy and of the version',
      members(member(2), member(2)),
      [settled],
    ],
    ['there are more than desired', members(member(2), member(2), member(2)), [settled]],
    [
      'another is on standby',
      members(member(2), member(2), { ...member(1), lifecycle: 'Standby' }),
      [settled],
    ],
    ['one is missing', members(member(2)), []],
    ['one has another version', members(member(2), member(2), member(1)), []],
    ['one is not healthy', members(member(2), member(2), member(2, false)), []],
    ['one only starts', members(member(2), member(2), { ...member(2), lifecycle: 'Pending' }), []],
  ])('a fleet has arrived, or not, where %s', (_, seen, actions) => {
    expect(follow(alone, [look(0, seen)])).toEqual(actions)
  })

  test('instances that do not become healthy in time are a failure', () => {
    const starting = members(member(2), member(2, false))
    expect(follow(alone, [look(0, starting), look(599, starting)])).toEqual([])
    const reason = 'no new instance became healthy for 600 s'
    expect(follow(alone, [look(0, starting), look(600, starting)])).toEqual([
      { kind: 'end', ending: { status: 'Failed', reason } },
    ])
  })
})

test('blame turns a refresh round once, whatever is seen afterwards', () => {
  const actions = follow(GOAL, [
    look(10, running(0), 0, 'it fails'),
    look(15, running(0), 0, 'it fails'),
    look(20, fleet('RollbackInProgress', 0), 0, 'it fails'),
    look(50, fleet('RollbackInProgress', 0), 0, 'it fails'),
    look(55, fleet('RollbackSuccessful', 0), 0, 'it fails'),
  ])
  expect(actions.map(({ kind }) => kind)).toEqual(['roll back', 'mark', 'end'])
})

test('time in which nobody looked is no stall, and no time at a checkpoint', () => {
  const awake: Goal = { ...GOAL, gapMs: 60_000 }
  const struggling = fleet('InProgress', 0, [member(1), member(2, false)])
  const asleep = [look(0, struggling), look(30, struggling), look(3000, struggling)]
  expect(follow(awake, asleep)).toEqual([])
  const later = Array.from({ length: 58 }, (_, count) => look(3010 + 10 * count, struggling))
  expect(follow(awake, [...asleep, ...later])).toMatchObject([{ kind: 'roll back' }])
  const stop = [look(60, running(50), 3), look(100, running(50), 10), look(1000, running(50), 11)]
  expect(follow(awake, stop)).toEqual([])
  expect(follow(awake, [...stop, look(1055, running(50), 12)])).toEqual([])
  expect(
    follow(awake, [...stop, look(1055, running(50), 12), look(1060, running(50), 13)]),
  ).toEqual([expect.objectContaining({ kind: 'roll back' })])
})

test('the outlook says what comes next, and when', () => {
  const outlook = (goal: Goal, looks: [number, Fleet][]): string | undefined => {
    let memory = firstMemory(0)
    for (const [seconds, seen] of looks) {
      const answers = { ofNew: 0, ofAll: 0 }
      memory = step(goal, memory, {
        now: seconds * 1000,
        fleet: seen,
        blame: undefined,
        answers,
      }).memory
    }
    return outlookOf(goal, memory, looks.at(-1)?.[1] as Fleet)
  }
  const struggling = fleet('InProgress', 0, [member(1), member(2, false)])
  expect(
    outlook(GOAL, [
      [0, struggling],
      [40, struggling],
    ]),
  ).toBe('goes back in 9:20 unless another new instance becomes healthy')
  expect(
    outlook(GOAL, [
      [60, running(50)],
      [90, running(50)],
    ]),
  ).toBe('goes on from 50 % in 1:30 unless it is found bad')
  const at = (seconds: number): [number, Fleet] => [seconds, running(50)]
  expect(outlook(GOAL, [at(60), at(180)])).toBe('goes on from 50 % in 0:00 unless it is found bad')
  expect(outlook(GOAL, [at(60), at(181)])).toBeUndefined()
  expect(outlook({ ...GOAL, gapMs: 60_000 }, [at(60), at(100), at(1000)])).toBe(
    'goes on from 50 % in 1:20 unless it is found bad',
  )
  expect(outlook({ ...GOAL, isGuarded: false }, [[0, struggling]])).toBeUndefined()
})

test('only instances that do not become healthy make a stall, and only what is guarded goes back', () => {
  const struggling = fleet('InProgress', 0, [member(1), member(2, false)])
  const looks = [look(0, struggling), look(599, struggling), look(600, struggling)]
  expect(follow(GOAL, looks.slice(0, 2))).toEqual([])
  expect(follow(GOAL, looks)).toEqual([
    { kind: 'roll back', why: 'no new instance became healthy for 600 s' },
  ])
  expect(follow({ ...GOAL, isGuarded: false }, looks)).toEqual([])
  expect(follow(GOAL, [look(0, running(50)), look(601, running(50))])).toEqual([])
  const none = fleet('InProgress', 0, [member(1)])
  expect(follow(GOAL, [look(0, none), look(600, none)])).toMatchObject([{ kind: 'roll back' }])
  const baking = fleet('Baking', 100, [member(2), member(2, false)])
  expect(follow(GOAL, [look(0, baking), look(600, baking)])).toEqual([])
})

test('each new instance that becomes healthy gives the next one as much time', () => {
  const starting = fleet('InProgress', 0, [member(2, false), member(2, false)])
  const half = fleet('InProgress', 50, [member(2), member(2, false)])
  const looks = [look(0, starting), look(500, half), look(600, starting), look(1000, half)]
  expect(follow({ ...GOAL, checkpoints: undefined }, [...looks, look(1099, half)])).toEqual([])
  expect(follow({ ...GOAL, checkpoints: undefined }, [...looks, look(1100, half)])).toMatchObject([
    { kind: 'roll back' },
  ])
})
