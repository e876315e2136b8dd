import type { InstanceRefreshStatus } from '@aws-sdk/client-auto-scaling'
import { isRunning, isTurnedRound } from './refresh-status.ts'

/** What the direction depends on in an instance refresh. Versions are those of the group's launch template. */
export interface Refresh {
  id: string
  status: InstanceRefreshStatus
  /** The launch template version that it rolls out; undefined: the group's own. */
  desired: number | undefined
  /** Whether it was turned round once, even if that was cancelled or failed since. */
  wasTurnedRound?: boolean
}

/** What the direction depends on in a group. */
export interface GroupHistory {
  /** The version saved on the group: a rollback returns to it, and a successful refresh replaces it. */
  saved: number
  /** Versions of the instances that serve or are starting to. */
  present: (number | undefined)[]
  /** Those that AWS still remembers, newest first. */
  refreshes: Refresh[]
  /** The version that was saved when the newest rollout started, as recorded then. */
  recorded?: number | undefined
}

/** Where a group comes from, where it is going, and whether that is back. */
export type Direction =
  /** No refresh runs, and every instance has the saved version. `undone`: the newest change's version, if it was undone. */
  | { kind: 'settled'; undone: number | undefined }
  /** No refresh runs, and not every instance has the saved version; `back` is the version that undoes the newest change. */
  | { kind: 'stopped'; left: number | undefined; back: number }
  /** A refresh replaces instances by others of their own version: no change, and nothing to undo. */
  | { kind: 'recycling'; refreshId: string; status: InstanceRefreshStatus }
  | { kind: 'forward'; refreshId: string; from: number; to: number; status: InstanceRefreshStatus }
  /** By a refresh to an older version, or by one that was reversed (`turnedRound`). */
  | {
      kind: 'back'
      refreshId: string
      from: number
      to: number
      status: InstanceRefreshStatus
      turnedRound: boolean
    }

/** A refresh and the version that was saved when it began; undefined if AWS no longer knows. */
interface Step extends Refresh {
  from: number | undefined
  to: number
  /** Of a way back, the version that it leaves behind; undefined for any other refresh. */
  leaves: number | undefined
}

/**
 * The refreshes with the version that each came from, oldest first. Launch template versions only increase: a refresh to
 * an older one goes back, and so does one to the saved version after a change that ended early.
 */
function stepsOf({ saved, refreshes, recorded }: GroupHistory): Step[] {
  const oldestFirst = refreshes.toReversed()
  // What failed, or named no version, left the saved version as it was.
  const isChange = ({ status, desired }: Refresh): boolean =>
    status === 'Successful' && desired !== undefined
  const lastChange = oldestFirst.findLastIndex(isChange)
  // Nobody has recorded another version since: a rollout names another, and a recycle records nothing.
  const [first, ...later] = oldestFirst.slice(oldestFirst.findIndex(isChange))
  const isOnlyChange = later.every(
    ({ desired }) => desired === undefined || desired === first?.desired,
  )
  let current = isOnlyChange ? recorded : undefined
  let before: Step | undefined
  return oldestFirst.map((refresh, index) => {
    const from = index > lastChange ? saved : current
    const to = refresh.desired ?? from ?? saved
    if (isChange(refresh)) current = to
    const step: Step = { ...refresh, from, to, leaves: leftBy(from, to, before) }
    if (!isRecycling(step)) before = step
    return step
  })
}

const isRecycling = ({ desired, from, to, leaves }: Step): boolean =>
  leaves === undefined && (desired === undefined || from === to)

function leftBy(
  from: number | undefined,
  to: number,
  before: Step | undefined,
): number | undefined {
  if (from !== undefined && to < from) return from
  if (!before || before.status === 'Successful' || isTurnedRound(before.status)) return undefined
  const left = before.leaves ?? before.to
  // If AWS no longer knows what was saved, a refresh to a lower version than a change that ended early goes back from it.
  return from === undefined ? (to < left ? left : undefined) : to === from ? left : undefined
}

/** Where the group is going, according to AWS only. */
export function directionOf(history: GroupHistory): Direction {
  const { saved, present } = history
  const steps = stepsOf(history)
  const running = steps.at(-1)
  if (running && isRunning(running.status)) {
    const { id: refreshId, to, status } = running
    if (isRecycling(running)) return { kind: 'recycling', refreshId, status }
    if (isTurnedRound(status)) {
      return { kind: 'back', refreshId, from: to, to: saved, status, turnedRound: true }
    }
    return running.leaves === undefined
      ? { kind: 'forward', refreshId, from: saved, to, status }
      : { kind: 'back', refreshId, from: running.leaves, to, status, turnedRound: false }
  }
  const newest = steps.findLast((step) => !isRecycling(step))
  // After a release was shipped, another version is a straggler's, back from standby: the release is undone next.
  const hasShipped = newest?.status === 'Successful' && newest.leaves === undefined
  if (!hasShipped && present.some((version) => version !== saved)) {
    // A way back that ended early is still the way back.
    const back = newest?.leaves === undefined ? saved : newest.to
    return { kind: 'stopped', left: newest && (newest.leaves ?? newest.to), back }
  }
  return { kind: 'settled', undone: newest && undoneBy(newest, saved) }
}

/** The versions that were saved before the current one, latest first: those known to have served. */
export function versionsBefore(history: GroupHistory): number[] {
  const served = stepsOf(history)
    .filter(({ status }) => status === 'Successful')
    .map(({ from }) => from)
    .filter((version) => version !== undefined && version !== history.saved)
    .reverse()
  const recorded =
    history.recorded === undefined || history.recorded === history.saved ? [] : [history.recorded]
  return [...new Set([...(served as number[]), ...recorded])]
}

/** The version that `step`, which has ended, left behind or did not bring into service, where all have the saved one. */
function undoneBy(step: Step, saved: number): number | undefined {
  // However it ended: a way back to the saved version has nothing left to do.
  if (step.leaves !== undefined) return step.to === saved ? step.leaves : undefined
  return step.status === 'Successful' ? undefined : step.to
}

/** What a launch template version launches. */
export interface Launched {
  release: string | undefined
  imageId: string | undefined
}

/**
 * What is to blame for a way back from one version to another: the release, or of the same release the image. Undefined:
 * only a setting differs, and that it was rolled back says nothing of the release.
 */
export function blamedFor(left: Launched | undefined, kept: Launched | undefined) {
  if (left?.release === undefined || left.release !== kept?.release) return left?.release
  return left.imageId === kept.imageId ? undefined : left.imageId
}

/**
 * Releases and images that were rolled back and not shipped since, oldest first: from the refresh history, which counts
 * even if nobody followed the rollout, and from `marked`, those in the group's tag.
 */
export function rolledBackOf(
  history: GroupHistory,
  launchedBy: (version: number | undefined) => Launched | undefined,
  marked: readonly string[],
): string[] {
  const bad = new Set<string | undefined>(marked)
  for (const { status, desired, from, to, leaves, wasTurnedRound } of stepsOf(history)) {
    if (leaves !== undefined || wasTurnedRound || isTurnedRound(status)) {
      const [left, kept] = leaves === undefined ? [to, from] : [leaves, to]
      const blamed = blamedFor(launchedBy(left), launchedBy(kept))
      bad.delete(blamed)
      bad.add(blamed)
    } else if (status === 'Successful') {
      // One that names no version is no reason to trust a release again: which one it brought is not known.
      const shipped = launchedBy(desired)
      bad.delete(shipped?.release)
      bad.delete(shipped?.imageId)
    }
  }
  return [...bad].filter((each) => each !== undefined)
}
