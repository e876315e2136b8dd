import type { Clock } from './clock.ts'
import { type Group, type Instance, isActive, isServing, type Refresh } from './model.ts'

/** The launches and terminations that the group needs now. */
export interface Moves {
  launch: number
  version: number
  terminate: Instance[]
}

/** The version that new instances get: a running refresh's, else the group's own. */
export function wantedVersion(group: Group, refresh: Refresh | undefined): number {
  const forward = refresh && ['Pending', 'InProgress', 'Baking'].includes(refresh.status)
  return forward ? (refresh.desiredVersion ?? group.version) : group.version
}

/** Whether `instance` needs no replacement in this refresh. */
export function isFresh(instance: Instance, refresh: Refresh, version: number): boolean {
  const skips = refresh.preferences.skipMatching || refresh.status === 'RollbackInProgress'
  return instance.version === version && (skips || instance.launchedAt >= refresh.startedAt)
}

/** Serving, and past its warm-up: counted as replaced. */
export function isWarm(instance: Instance, warmupSeconds: number, clock: Clock): boolean {
  if (!isServing(instance) || instance.inServiceAt === undefined) return false
  return clock.now() - instance.inServiceAt >= clock.span('warmup', warmupSeconds)
}

/** How many instances make up `percent` of the group: two of three are 50 %. */
export const shareOf = (desired: number, percent: number): number =>
  Math.ceil((desired * percent) / 100)

/**
 * Decides launches and terminations. New before old: an instance goes only while enough others serve, so that a
 * minimum of 100 % means a replacement is ready first. An unhealthy one does not count as serving,
 * and outside of a refresh it waits for its replacement, too: the group's maintenance policy says so. While a refresh is
 * held nothing is replaced that is sound.
 */
export function decide(
  group: Group,
  instances: Instance[],
  refresh: Refresh | undefined,
  clock: Clock,
  isHeld = false,
): Moves {
  const version = wantedVersion(group, refresh)
  const active = instances.filter(isActive)
  const replacing =
    refresh &&
    !isHeld &&
    (refresh.status === 'InProgress' || refresh.status === 'RollbackInProgress')
      ? refresh
      : undefined
  const limits = replacing?.preferences ?? group
  const mostActive = Math.max(
    group.desired + 1,
    Math.floor((group.desired * limits.maxHealthyPercentage) / 100),
  )

  const sound = active.filter((instance) => instance.health === 'Healthy')
  const missing = group.desired - sound.length
  const fresh = replacing
    ? sound.filter((instance) => isFresh(instance, replacing, version)).length
    : 0
  const stillToReplace = replacing ? allowedFresh(group, replacing) - fresh : 0
  const room = mostActive - active.length
  const launch = Math.max(0, Math.min(Math.max(missing, stillToReplace), room))
  return { launch, version, terminate: surplus(group, active, replacing, version, clock) }
}

/** How many replaced instances the current checkpoint allows. */
export function allowedFresh(group: Group, refresh: Refresh): number {
  if (refresh.status === 'RollbackInProgress') return group.desired
  const percentages = refresh.preferences.checkpointPercentages
  return shareOf(group.desired, percentages[refresh.checkpoint] ?? percentages.at(-1) ?? 100)
}

function surplus(
  group: Group,
  active: Instance[],
  replacing: Refresh | undefined,
  version: number,
  clock: Clock,
): Instance[] {
  const limits = replacing?.preferences ?? group
  const warmup = replacing?.preferences.instanceWarmup ?? group.warmupSeconds
  const least = Math.ceil((group.desired * limits.minHealthyPercentage) / 100)
  const isOld = (instance: Instance): boolean =>
    replacing !== undefined && !isFresh(instance, replacing, version)
  // An existing instance counts as soon as it serves; a new one once it is warm.
  const counts = (instance: Instance): boolean =>
    isOld(instance) ? isServing(instance) : isWarm(instance, warmup, clock)

  let serving = active.filter(counts).length
  let excess = active.length - group.desired
  const going: Instance[] = []
  for (const instance of [...active].sort((a, b) => rank(a, isOld) - rank(b, isOld))) {
    if (excess <= 0) break
    // A group that has been scaled in meanwhile gives up new ones too, once all are new.
    if (rank(instance, isOld) === 2 && active.some(isOld)) break
    if (counts(instance)) {
      if (serving - 1 < least) continue
      serving -= 1
    } else if (serving < least && (!replacing || instance.health === 'Healthy')) continue
    going.push(instance)
    excess -= 1
  }
  return going
}

/** Unhealthy ones go first, then those of another version, then the oldest. */
function rank(instance: Instance, isOld: (instance: Instance) => boolean): number {
  if (instance.health === 'Unhealthy') return 0
  return isOld(instance) ? 1 : 2
}
