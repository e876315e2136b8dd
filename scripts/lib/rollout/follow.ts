import type { Aws } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { Interrupted, pause, type RetryPolicy, withRetry } from '../aws/retry.ts'
import { type Fleet, type FleetWatch, inService, isHealthy, type Member } from '../fleet/fleet.ts'
import { markRolledBack } from '../fleet/marks.ts'
import { rollBackRefresh } from '../fleet/refresh.ts'
import { isGivenUp, isReversible } from '../fleet/refresh-status.ts'
import type { Probe } from '../probe/probe.ts'
import type { TrafficWatch } from '../probe/traffic-watch.ts'
import {
  type Action,
  firstMemory,
  type Goal,
  type Memory,
  outlookOf,
  statusOf,
  step,
} from './decide.ts'
import type { Evidence } from './evidence.ts'
import type { Hooks } from './hooks.ts'
import type { Progress } from './live-view.ts'
import type { Settings } from './options.ts'
import type { Ending } from './verdict.ts'

export interface FollowOptions {
  aws: Aws
  watch: FleetWatch
  settings: Pick<Settings, 'failureBudget'>
  goal: Goal
  /** Of the goal's version. */
  release: string | undefined
  /** The release or image that is marked if it is rolled back. */
  blamed: string | undefined
  startedAt: Date
  probe: Probe | undefined
  traffic: TrafficWatch | undefined
  hooks: Hooks
  progress: Progress
  evidence: Evidence
  retryPolicy: RetryPolicy
}

/** Follows the goal to its end. Undefined when interrupted; a refresh keeps running. */
export async function follow(options: FollowOptions): Promise<Ending | undefined> {
  const { watch, goal, retryPolicy, progress, startedAt, release, probe, traffic } = options
  const { templateVersion } = goal
  let memory = firstMemory(Date.now())
  for (;;) {
    const fleet = await withRetry(() => watch.snapshot(goal.refreshId), retryPolicy).catch(
      (error) => (error instanceof Interrupted ? undefined : giveUp(options, memory, error)),
    )
    if (!fleet) return undefined
    const figures = probe?.figures()
    if (probe) informProbe(probe, options, fleet)
    traffic?.consider(fleet)
    collectEvidence(options, fleet)
    considerHooks(options, fleet)
    const { memory: next, actions } = step(goal, memory, {
      now: Date.now(),
      fleet,
      blame: blameOf(options),
      answers: probe?.answers,
    })
    memory = next
    const outlook = outlookOf(goal, memory, fleet)
    progress.update({ startedAt, fleet, release, templateVersion, figures, outlook })
    for (const action of actions) {
      if (action.kind === 'end') return action.ending
      await carryOut(options, fleet, action)
    }
    await pause(retryPolicy.pollMs, retryPolicy.signal)
  }
}

/** Why the new release is to blame, by a hook, the probe or what users get. */
function blameOf({ hooks, probe, traffic, settings }: FollowOptions): string | undefined {
  const { failureBudget } = settings
  return (
    hooks.blame ??
    probe?.blame(failureBudget) ??
    (failureBudget === Infinity ? undefined : traffic?.comparison.blame())
  )
}

/** When AWS cannot be asked any longer: a release that is to blame is rolled back unseen, for nobody may be left to. */
async function giveUp(options: FollowOptions, { blame }: Memory, error: Error): Promise<never> {
  const { goal, aws, watch, progress } = options
  const why = blame ?? blameOf(options)
  if (goal.isGuarded && goal.refreshId && why !== undefined) {
    progress.note(`${why}: rolling back`)
    await rollBackRefresh(aws, watch.name).catch(() => {})
  }
  throw error
}

/** Begins the hooks whose stage is reached; their end is not waited for. */
function considerHooks({ hooks, goal }: FollowOptions, fleet: Fleet): void {
  if (!goal.isGuarded || goal.refreshId === undefined || !isReversible(statusOf(fleet))) return
  const fresh = inService(fleet).filter((each) => each.templateVersion === goal.templateVersion)
  if (fresh.some(isHealthy)) void hooks.run('first-instance')
  if (statusOf(fleet) === 'Baking') void hooks.run('shipped')
}

/** A failure is reported, and following continues: it is not worth losing sight of the refresh for. */
async function carryOut(
  { aws, release, blamed, progress, retryPolicy }: FollowOptions,
  fleet: Fleet,
  action: Exclude<Action, { kind: 'end' }>,
): Promise<void> {
  const attempt = async (done: string, act: () => Promise<void>): Promise<void> => {
    try {
      await withRetry(act, retryPolicy)
      progress.note(done)
    } catch (error) {
      if (!(error instanceof Interrupted)) progress.note(`not done: ${done}. ${explain(error)}`)
    }
  }
  switch (action.kind) {
    case 'mark':
      if (!blamed) return
      return await attempt(
        `${blamed === release ? 'release' : 'image'} ${blamed} is marked on the group as rolled back`,
        () => markRolledBack(aws, fleet, blamed),
      )
    case 'roll back':
      progress.note(`${action.why}: rolling back`)
      return await attempt('asked AWS to roll back', () => rollBackRefresh(aws, fleet.name))
  }
}

/** What the fleet says about who may answer the probe. */
function informProbe(probe: Probe, { release, goal }: FollowOptions, fleet: Fleet): void {
  // One on standby has left the load balancer.
  const members = fleet.members.filter(({ lifecycle }) => lifecycle !== 'Standby')
  const releases = members.map((member) => member.release)
  const areKnown = releases.every((each) => each !== undefined) && release !== undefined
  // Includes releases of instances that are gone since the last snapshot: they may have answered in between.
  probe.expected = areKnown
    ? (probe.expected ?? new Set()).union(new Set([...releases, release]))
    : undefined
  const isNew = (member: Member): boolean => member.templateVersion === goal.templateVersion
  for (const member of fleet.members) probe.instances.set(member.id, isNew(member))
  const fresh = inService(fleet).filter(isNew)
  const zones = new Set(fresh.map(({ zone }) => zone))
  const others = inService(fleet).filter((member) => !isNew(member))
  probe.isSpread = others.every(({ zone }) => zones.has(zone))
  probe.newInstances = fresh.length
  probe.othersServe = others.length > 0
}

/** Collects evidence from failing instances, and once the new version is given up, from all that have it. */
function collectEvidence({ evidence, goal }: FollowOptions, fleet: Fleet): void {
  if (goal.templateVersion === undefined || goal.isRollback) return
  const all = goal.refreshId !== undefined && isGivenUp(statusOf(fleet))
  evidence.consider(fleet, goal.templateVersion, all)
}
