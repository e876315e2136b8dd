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
      look(160, running(50), 22),
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

test('a probe that hears from nobody at a checkpoint tells nothing of the new release', () => {
  const silent = (seconds: number): [number, Omit<Seen, 'now'>] => [
    seconds,
    { fleet: running(50), answers: { ofNew: 5, ofAll: 10 }, blame: undefined },
  ]
  expect(follow(GOAL, [silent(60), silent(170), silent(300)])).toEqual([])
})

test('a rollback that AWS refused is asked for again, and what ships all the same is no success', () => {
  const actions = follow(GOAL, [
    look(10, running(0), 0, 'it fails'),
    look(45, running(0), 0),
    look(50, fleet('Successful', 100), 0),
  ])
  expect(actions.map(({ kind }) => kind)).toEqual(['roll back', 'roll back', 'end'])
  expect(actions.at(-1)).toMatchObject({ ending: { status: 'Successful', blame: 'it fails' } })
})

test('blame turns a refresh round once, whatever is seen afterwards', () => {
  const actions = follow(GOAL, [
    look(10, running(0), 0, 'it fails'),
    look(15, running(0), 0, 'it fails'),
    look(20, fleet('RollbackInProgress', 0), 0, 'it fails'),
    look(25, fleet('RollbackSuccessful', 0), 0, 'it fails'),
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
  expect(outlook({ ...GOAL, isGuarded: false }, [[0, struggling]])).toBeUndefined()
})

test('only instances that do not become healthy make a stall, and only what is guarded goes back', () => {
  const struggling = fleet('InProgress', 0, [member(1), member(2, false)])
  const looks = [look(0, struggling), look(599, struggling), look(601, struggling)]
  expect(follow(GOAL, looks)).toEqual([
    { kind: 'roll back', why: 'no new instance became healthy for 600 s' },
  ])
  expect(follow({ ...GOAL, isGuarded: false }, looks)).toEqual([])
  expect(follow(GOAL, [look(0, running(50)), look(601, running(50))])).toEqual([])
})
