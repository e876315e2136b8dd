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
}

/** What is remembered from one look to the next. */
export interface Memory {
  mostHealthy: number
  progressAt: number
  toldOfStall: boolean
  marked: boolean
  condemned: boolean
}

export interface Seen {
  now: number
  fleet: Fleet
  /** Why the new release is to blame for failures of the probe; undefined while it need not be. */
  blame: string | undefined
}

export type Action =
  /** Mark the release on the group as rolled back. */
  | { kind: 'mark' }
  /** Ask AWS to turn the refresh round. */
  | { kind: 'roll back'; why: string }
  | { kind: 'end'; ending: Ending }

export const firstMemory = (now: number): Memory => ({
  mostHealthy: 0,
  progressAt: now,
  toldOfStall: false,
  marked: false,
  condemned: false,
})

/** What follows from one look at the fleet. Pure: the same look has the same consequences. */
export function step(
  goal: Goal,
  memory: Memory,
  { now, fleet, blame }: Seen,
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
  if (blame !== undefined && mayTurnRound && status !== 'Cancelling' && !next.condemned) {
    next.condemned = true
    actions.push({ kind: 'roll back', why: blame })
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
