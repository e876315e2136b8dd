import type { InstanceRefreshStatus } from '@aws-sdk/client-auto-scaling'
import { clockTime } from '../cli/format.ts'
import { type Fleet, isHealthy, type Member, present } from '../fleet/fleet.ts'
import { reasonOf } from '../fleet/refresh.ts'
import { isLaunching, isReversible, isRunning, isTurnedRound } from '../fleet/refresh-status.ts'
import type { Answers } from '../probe/probe.ts'
import type { Ending } from './verdict.ts'

/** What is being followed, and what may be done about it. */
export interface Goal {
  /** The launch template version that the fleet should reach. */
  templateVersion: number | undefined
  /** Undefined: there is no refresh; the instances are followed until they are healthy. */
  refreshId: string | undefined
  /** Whether this is a way back, which marks no release. */
  isRollback: boolean
  /** Whether a bad or stalled refresh is rolled back: only one that `start` started. */
  isGuarded: boolean
  /** When to stop following, in milliseconds since the epoch. */
  deadline: number
  /** How long to wait for another new instance to become healthy, in milliseconds. */
  stallMs: number
  /** More time between two snapshots was not observed, in milliseconds. */
  gapMs: number
  /** The checkpoints to verify; undefined: none. */
  checkpoints: Checkpoints | undefined
}

/** Where a refresh pauses, and what the probe must have seen by the end of each pause. */
export interface Checkpoints {
  percentages: number[]
  delayMs: number
  /** Required from the new release at each checkpoint. */
  answers: number
  /** How long the alarms watch after the last one. */
  watchSeconds: number
}

/** What is remembered from one snapshot to the next. */
export interface Memory {
  seenAt: number
  /** While the follower slept or AWS gave no answer: it counts for nothing. */
  unobservedMs: number
  mostHealthy: number
  progressAt: number
  marked: boolean
  /** Why the release is to be rolled back. */
  blame: string | undefined
  /** When to ask AWS for that again. */
  askAgainAt: number
  /** The checkpoint that the refresh is at or was last at. */
  checkpoint: { index: number; reachedAt: number; answers: Answers } | undefined
}

export interface Seen {
  now: number
  fleet: Fleet
  /** Why the probe, or users' traffic, blames the new release; undefined while neither does. */
  blame: string | undefined
  /** Undefined if it is unknown who answered. */
  answers: Answers | undefined
}

export type Action =
  /** Mark the release on the group as rolled back. */
  | { kind: 'mark' }
  /** Ask AWS to roll the refresh back. */
  | { kind: 'roll back'; why: string }
  | { kind: 'end'; ending: Ending }

/** How long AWS has to turn a refresh round before it is asked again. */
const ASK_AGAIN_MS = 30_000

/** When a checkpoint's answers are counted, as a fraction of its delay: late, but before the refresh continues. */
const LATE_AT_A_STOP = 0.8

export const firstMemory = (now: number): Memory => ({
  seenAt: now,
  unobservedMs: 0,
  mostHealthy: 0,
  progressAt: now,
  marked: false,
  blame: undefined,
  askAgainAt: 0,
  checkpoint: undefined,
})

/** Decides what to do after one snapshot of the fleet. Pure: the same snapshot has the same consequences. */
export function step(
  goal: Goal,
  memory: Memory,
  { now: time, fleet, blame, answers }: Seen,
): { memory: Memory; actions: Action[] } {
  const status = goal.refreshId ? statusOf(fleet) : undefined
  const next = { ...memory, seenAt: time }
  if (time - memory.seenAt > goal.gapMs) next.unobservedMs += time - memory.seenAt
  const now = time - next.unobservedMs
  const actions: Action[] = []

  if (!goal.isRollback && !next.marked && isTurnedRound(status)) {
    next.marked = true
    actions.push({ kind: 'mark' })
  }
  if (status && !isRunning(status)) {
    actions.push({
      kind: 'end',
      ending: { status, reason: reasonOf(fleet.refresh), blame: next.blame },
    })
    return { memory: next, actions }
  }
  if (!status && hasSettled(fleet, goal.templateVersion)) {
    actions.push({ kind: 'end', ending: { status: 'Successful', reason: '' } })
    return { memory: next, actions }
  }
  if (time > goal.deadline) {
    actions.push({
      kind: 'end',
      ending: { status: 'timed out', reason: 'not finished in the time allowed' },
    })
    return { memory: next, actions }
  }

  next.checkpoint = checkpointOf(goal, fleet, memory, now, answers)
  const stall = stallOf(goal, next, fleet, status, now)
  if (!status && stall) {
    actions.push({ kind: 'end', ending: { status: 'Failed', reason: stall } })
    return { memory: next, actions }
  }
  if (goal.isGuarded) next.blame ??= blame ?? silence(goal, next, now, answers) ?? stall
  const mayTurnRound = goal.isGuarded && isReversible(status)
  // Until it is turned round: what was refused or lost once is asked for again.
  if (next.blame !== undefined && mayTurnRound && time >= next.askAgainAt) {
    next.askAgainAt = time + ASK_AGAIN_MS
    actions.push({ kind: 'roll back', why: next.blame })
  }
  return { memory: next, actions }
}

/** Why a goal is given up whose new instances do not become healthy; notes progress in `next`. */
function stallOf(
  goal: Goal,
  next: Memory,
  fleet: Fleet,
  status: InstanceRefreshStatus | undefined,
  now: number,
): string | undefined {
  const healthy = newMembers(goal, fleet).filter(isHealthy).length
  if (healthy > next.mostHealthy || !isStruggling(goal, fleet, status)) {
    next.mostHealthy = Math.max(next.mostHealthy, healthy)
    next.progressAt = now
  }
  if (now - next.progressAt < goal.stallMs) return undefined
  return `no new instance became healthy for ${Math.round(goal.stallMs / 1000)} s`
}

const newMembers = ({ templateVersion }: Goal, fleet: Fleet): Member[] =>
  present(fleet).filter((member) => member.templateVersion === templateVersion)

/** Whether new instances are awaited and not there, or not healthy. */
function isStruggling(
  goal: Goal,
  fleet: Fleet,
  status: InstanceRefreshStatus | undefined,
): boolean {
  const fresh = newMembers(goal, fleet)
  const isAwaited = status === undefined || isLaunching(status)
  return isAwaited && (fresh.length === 0 || !fresh.every(isHealthy))
}

/** What comes next unless something else happens, and when; undefined: only AWS knows. */
export function outlookOf(goal: Goal, memory: Memory, fleet: Fleet): string | undefined {
  const { blame, checkpoint, seenAt, unobservedMs, progressAt } = memory
  const status = goal.refreshId ? statusOf(fleet) : undefined
  const within = (ms: number): string => clockTime((ms - seenAt + unobservedMs) / 1000)
  if (blame !== undefined) return `goes back: ${blame}`
  if (goal.isGuarded && isStruggling(goal, fleet, status)) {
    return `goes back in ${within(progressAt + goal.stallMs)} unless another new instance becomes healthy`
  }
  if (!goal.checkpoints || !checkpoint || status !== 'InProgress') return undefined
  const { percentages, delayMs } = goal.checkpoints
  const left = checkpoint.reachedAt + delayMs
  if (left < seenAt - unobservedMs) return undefined
  return `goes on from ${percentages[checkpoint.index]} % in ${within(left)} unless it is found bad`
}

function checkpointOf(
  { checkpoints }: Goal,
  { refresh }: Fleet,
  { checkpoint }: Memory,
  now: number,
  answers: Answers | undefined,
): Memory['checkpoint'] {
  if (!checkpoints || refresh?.Status !== 'InProgress') return checkpoint
  const percent = refresh.PercentageComplete ?? 0
  const index = checkpoints.percentages.findLastIndex((each) => each <= percent)
  if (index < 0 || index === checkpoint?.index) return checkpoint
  return { index, reachedAt: now, answers: answers ?? { ofNew: 0, ofAll: 0 } }
}

/** Why the refresh must not continue from its checkpoint; undefined if it may, or while it is too early to tell. */
function silence(
  { checkpoints }: Goal,
  { checkpoint }: Memory,
  now: number,
  answers: Answers | undefined,
): string | undefined {
  if (!checkpoints || !checkpoint || answers === undefined) return undefined
  if (now - checkpoint.reachedAt < checkpoints.delayMs * LATE_AT_A_STOP) return undefined
  const seen = answers.ofNew - checkpoint.answers.ofNew
  // A probe that hears from nobody tells nothing of the new release.
  const isHeard = answers.ofAll - checkpoint.answers.ofAll >= 2 * checkpoints.answers
  if (seen >= checkpoints.answers || !isHeard) return undefined
  return `the new release answered ${seen} probe requests at the ${checkpoints.percentages[checkpoint.index]} % checkpoint, ${checkpoints.answers} are required`
}

/** Of the refresh being followed; one that AWS does not list yet is pending. */
export function statusOf({ refresh }: Fleet): InstanceRefreshStatus {
  return refresh?.Status ?? 'Pending'
}

/** Whether, without a refresh, all the desired instances are healthy on `version`. */
function hasSettled(fleet: Fleet, templateVersion: number | undefined): boolean {
  const members = present(fleet)
  const up = members.filter(
    (member) =>
      member.templateVersion === templateVersion &&
      member.lifecycle === 'InService' &&
      isHealthy(member),
  )
  return up.length === members.length && up.length >= fleet.desired
}
