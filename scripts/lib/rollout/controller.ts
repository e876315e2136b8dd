import { type Fleet, isHealthy, isRunning, present } from '../aws/fleet.ts'
import { isTurnedRound, type Refresh } from './direction.ts'
import type { Ending } from './verdict.ts'

/** What is followed, and what may be done about it. */
export interface Goal {
  /** The launch template version that the fleet is to have. */
  version: number | undefined
  /** Undefined: the instances are followed to health, without a refresh. */
  refreshId: string | undefined
  /** Whether what is followed is a way back: it marks nothing. */
  isRollback: boolean
  /** Whether a refresh that makes no progress is turned round: true for what `start` started, and nothing else. */
  guarded: boolean
  /** Milliseconds since the epoch; after it nothing is followed any more. */
  deadline: number
  /** How long new instances may fail to become healthy, in milliseconds. */
  stallMs: number
  /** How many answers of the new release each of these stops waits for. */
  checkpoints: Checkpoints | undefined
}

/** Where a refresh stops on its way, and what the probe must have seen by the end of each stop. */
export interface Checkpoints {
  percentages: number[]
  delayMs: number
  /** Of the new release, at each stop. */
  answers: number
}

/** What is remembered from one look to the next. */
export interface Memory {
  mostHealthy: number
  progressAt: number
  toldOfStall: boolean
  marked: boolean
  condemned: boolean
  /** The stop that the refresh is at or was at last. */
  checkpoint: { index: number; reachedAt: number; answers: number } | undefined
}

export interface Seen {
  now: number
  fleet: Fleet
  /** Why the new release is to blame for failures of the probe; undefined while it need not be. */
  blame: string | undefined
  /** How often the new release answered the probe so far; undefined where that cannot be told. */
  answers: number | undefined
}

export type Action =
  /** Mark the release on the group as rolled back. */
  | { kind: 'mark' }
  /** Ask AWS to turn the refresh round. */
  | { kind: 'roll back'; why: string }
  | { kind: 'end'; ending: Ending }

/** When a stop is judged: late, and before the refresh goes on. */
const LATE_AT_A_STOP = 0.8

export const firstMemory = (now: number): Memory => ({
  mostHealthy: 0,
  progressAt: now,
  toldOfStall: false,
  marked: false,
  condemned: false,
  checkpoint: undefined,
})

/** What follows from one look at the fleet. Pure: the same look has the same consequences. */
export function step(
  goal: Goal,
  memory: Memory,
  { now, fleet, blame, answers }: Seen,
): { memory: Memory; actions: Action[] } {
  const status = goal.refreshId ? statusOf(fleet) : undefined
  const next = { ...memory }
  const actions: Action[] = []

  if (!goal.isRollback && !next.marked && status && isTurnedRound(status)) {
    next.marked = true
    actions.push({ kind: 'mark' })
  }
  if (status && !isRunning(status)) {
    actions.push({ kind: 'end', ending: { status, reason: reasonOf(fleet) } })
    return { memory: next, actions }
  }
  if (!status && hasSettled(fleet, goal.version)) {
    actions.push({ kind: 'end', ending: { status: 'Successful', reason: '' } })
    return { memory: next, actions }
  }
  if (now > goal.deadline) {
    actions.push({
      kind: 'end',
      ending: { status: 'timed out', reason: 'not at its end in the time given' },
    })
    return { memory: next, actions }
  }

  const mayTurnRound = goal.guarded && status !== undefined && !isTurnedRound(status)
  next.checkpoint = checkpointOf(goal, fleet, memory, now, answers)
  const why = blame ?? silence(goal, next, now, answers)
  if (why !== undefined && mayTurnRound && status !== 'Cancelling' && !next.condemned) {
    next.condemned = true
    actions.push({ kind: 'roll back', why })
    return { memory: next, actions }
  }

  const fresh = present(fleet).filter(({ version }) => version === goal.version)
  const healthy = fresh.filter(isHealthy).length
  const struggles = fresh.length === 0 || healthy < fresh.length
  if (healthy > next.mostHealthy || !struggles || !waitsForInstances(status)) {
    next.mostHealthy = Math.max(next.mostHealthy, healthy)
    next.progressAt = now
  } else if (!next.toldOfStall && now - next.progressAt >= goal.stallMs) {
    next.toldOfStall = true
    const why = `no new instance became healthy for ${Math.round(goal.stallMs / 1000)} s`
    if (!status) actions.push({ kind: 'end', ending: { status: 'Failed', reason: why } })
    else if (mayTurnRound) actions.push({ kind: 'roll back', why })
  }
  return { memory: next, actions }
}

function checkpointOf(
  { checkpoints }: Goal,
  { refresh }: Fleet,
  { checkpoint }: Memory,
  now: number,
  answers: number | undefined,
): Memory['checkpoint'] {
  const percent = refresh?.PercentageComplete ?? 0
  const index = checkpoints?.percentages.findLastIndex((each) => each <= percent) ?? -1
  if (index < 0 || index === checkpoint?.index || refresh?.Status !== 'InProgress')
    return checkpoint
  return { index, reachedAt: now, answers: answers ?? 0 }
}

/** Why the refresh must not go on from the stop that it is about to leave; undefined when it may, or need not yet. */
function silence(
  { checkpoints }: Goal,
  { checkpoint }: Memory,
  now: number,
  answers: number | undefined,
): string | undefined {
  if (!checkpoints || !checkpoint || answers === undefined) return undefined
  if (now - checkpoint.reachedAt < checkpoints.delayMs * LATE_AT_A_STOP) return undefined
  const seen = answers - checkpoint.answers
  if (seen >= checkpoints.answers) return undefined
  return `the new release answered ${seen} requests of the probe at the ${checkpoints.percentages[checkpoint.index]} % checkpoint, not ${checkpoints.answers}`
}

/** Of the refresh that is followed; one that AWS does not tell of yet is pending. */
export function statusOf({ refresh }: Fleet): Refresh['status'] {
  return refresh?.Status ?? 'Pending'
}

/** Whether new instances are what a refresh waits for: not while it bakes, stops, or goes back. */
function waitsForInstances(status: Refresh['status'] | undefined): boolean {
  switch (status) {
    case undefined:
    case 'Pending':
    case 'InProgress':
      return true
    case 'Baking':
    case 'Cancelling':
    case 'RollbackInProgress':
    case 'Successful':
    case 'Failed':
    case 'Cancelled':
    case 'RollbackSuccessful':
    case 'RollbackFailed':
      return false
  }
}

/** Whether everything that should run does, on `version`, without a refresh. */
function hasSettled(fleet: Fleet, version: number | undefined): boolean {
  const members = present(fleet)
  const up = members.filter(
    (member) => member.version === version && member.lifecycle === 'InService' && isHealthy(member),
  )
  return up.length === members.length && up.length >= fleet.desired
}

function reasonOf({ refresh }: Fleet): string {
  return refresh?.RollbackDetails?.RollbackReason ?? refresh?.StatusReason ?? ''
}
