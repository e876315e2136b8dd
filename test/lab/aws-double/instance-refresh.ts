import { allowedFresh, isFresh, isWarm, wantedVersion } from './capacity.ts'
import type { Clock } from './clock.ts'
import { type Alarm, type Group, type Instance, isActive, type Refresh } from './model.ts'

export interface World {
  group: Group
  instances: Instance[]
  alarms: Iterable<Alarm>
  clock: Clock
  /** How long AWS lets a refresh make no progress before it fails, in seconds. */
  stallSeconds: number
  /** How long a refresh is Cancelling, in milliseconds. */
  cancelMs: number
}

/** Advances a running refresh by one step, based on the current instances and alarms. */
export function advance(refresh: Refresh, world: World): void {
  const alarm = ringing(refresh, world)
  switch (refresh.status) {
    case 'Pending':
      refresh.status = 'InProgress'
      refresh.reason = ''
      refresh.progressAt = world.clock.now()
      break
    case 'InProgress':
      if (alarm) giveUp(refresh, world, `Alarm ${alarm.name} is in ALARM state: ${alarm.reason}`)
      else replace(refresh, world)
      break
    case 'Baking':
      if (alarm) giveUp(refresh, world, `Alarm ${alarm.name} is in ALARM state: ${alarm.reason}`)
      else bake(refresh, world)
      break
    case 'Cancelling':
      if (world.clock.now() - (refresh.cancelledAt ?? 0) >= world.cancelMs) {
        end(refresh, world, 'Cancelled', 'Cancelled due to user request.')
      }
      break
    case 'RollbackInProgress':
      rollBack(refresh, world)
      break
  }
}

/** Reverses a running refresh: from now on the group's own version replaces what was launched with the new one. */
export function startRollback(refresh: Refresh, world: World, reason: string): void {
  refresh.rollback = {
    reason,
    startedAt: world.clock.now(),
    percentageOnRollback: refresh.percentageComplete,
    toUpdate: refresh.instancesToUpdate,
  }
  refresh.status = 'RollbackInProgress'
  refresh.reason = reason
  refresh.progressAt = world.clock.now()
}

function ringing(refresh: Refresh, world: World): Alarm | undefined {
  return [...world.alarms].find(
    ({ name, state }) => state === 'ALARM' && refresh.preferences.alarms.includes(name),
  )
}

function giveUp(refresh: Refresh, world: World, reason: string): void {
  if (refresh.preferences.autoRollback) startRollback(refresh, world, reason)
  else end(refresh, world, 'Failed', reason)
}

function replace(refresh: Refresh, world: World): void {
  const { group, clock } = world
  const { warm, old } = count(refresh, world)
  note(refresh, world, warm)
  if (stalled(refresh, world)) {
    giveUp(
      refresh,
      world,
      'Instance refresh made no progress: new instances do not become healthy.',
    )
    return
  }
  const reached = warm >= allowedFresh(group, refresh)
  const settled = world.instances.filter(isActive).length <= group.desired
  if (!reached || !settled) {
    const waiting = world.instances.find(
      (instance) =>
        isActive(instance) && !isWarm(instance, refresh.preferences.instanceWarmup, clock),
    )
    refresh.reason = waiting
      ? `Waiting for instances to warm up before continuing. For example: ${waiting.id} is warming up.`
      : 'Waiting for remaining instances to be available.'
    return
  }
  const { checkpointPercentages, checkpointDelay } = refresh.preferences
  if (refresh.checkpoint < checkpointPercentages.length) {
    refresh.checkpointReachedAt ??= clock.now()
    const percent = checkpointPercentages[refresh.checkpoint]
    refresh.reason = `Waiting ${checkpointDelay} seconds at the ${percent}% checkpoint.`
    if (clock.now() - refresh.checkpointReachedAt < clock.span('checkpoint', checkpointDelay))
      return
    refresh.checkpoint += 1
    delete refresh.checkpointReachedAt
    refresh.progressAt = clock.now()
  }
  if (refresh.checkpoint < checkpointPercentages.length) return
  if (old > 0 && checkpointPercentages.at(-1) === 100) return
  refresh.bakingSince = clock.now()
  refresh.status = 'Baking'
  refresh.reason = `Baking for ${refresh.preferences.bakeTime} seconds.`
  bake(refresh, world)
}

function bake(refresh: Refresh, world: World): void {
  const { group, clock } = world
  const since = refresh.bakingSince ?? clock.now()
  if (clock.now() - since < clock.span('bake', refresh.preferences.bakeTime)) return
  group.version = wantedVersion(group, refresh)
  refresh.percentageComplete = 100
  refresh.instancesToUpdate = 0
  end(refresh, world, 'Successful', '')
}

function rollBack(refresh: Refresh, world: World): void {
  const { warm, old } = count(refresh, world)
  note(refresh, world, warm)
  // The share of the fleet on the new version goes back down to zero.
  refresh.percentageComplete = Math.floor((100 * old) / Math.max(1, world.group.desired))
  if (stalled(refresh, world)) {
    end(refresh, world, 'RollbackFailed', 'Rollback made no progress.')
    return
  }
  const settled = world.instances.filter(isActive).length <= world.group.desired
  if (old === 0 && warm >= world.group.desired && settled) {
    refresh.percentageComplete = 0
    end(refresh, world, 'RollbackSuccessful', refresh.rollback?.reason ?? '')
  }
}

function count(
  refresh: Refresh,
  { group, instances, clock }: World,
): { warm: number; old: number } {
  const version = wantedVersion(group, refresh)
  const active = instances.filter(isActive)
  const fresh = active.filter((instance) => isFresh(instance, refresh, version))
  const warmup = refresh.preferences.instanceWarmup
  return {
    warm: fresh.filter((instance) => isWarm(instance, warmup, clock)).length,
    old: active.length - fresh.length,
  }
}

function note(refresh: Refresh, { group, clock }: World, warm: number): void {
  if (warm > refresh.replaced) refresh.progressAt = clock.now()
  refresh.replaced = warm
  if (refresh.status !== 'InProgress') return
  const done = Math.min(warm, group.desired)
  refresh.percentageComplete = Math.floor((100 * done) / Math.max(1, group.desired))
  refresh.instancesToUpdate = group.desired - done
}

function stalled(refresh: Refresh, { clock, stallSeconds }: World): boolean {
  if (refresh.checkpointReachedAt !== undefined) return false
  return clock.now() - refresh.progressAt >= clock.span('stall', stallSeconds)
}

function end(refresh: Refresh, { clock }: World, status: Refresh['status'], reason: string): void {
  refresh.status = status
  refresh.reason = reason
  refresh.endedAt = clock.now()
}
