import type { Aws } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { pause, type RetryPolicy, withRetry } from '../aws/retry.ts'
import { isTurnedRound } from '../fleet/direction.ts'
import { type Fleet, type FleetWatch, inService, type Member } from '../fleet/fleet.ts'
import { markRolledBack, rollBackRefresh } from '../fleet/refresh.ts'
import type { Probe } from '../probe/probe.ts'
import { type Action, firstMemory, type Goal, type Memory, statusOf, step } from './decide.ts'
import type { Evidence } from './evidence.ts'
import type { Progress } from './progress.ts'
import type { Ending } from './verdict.ts'

export interface FollowOptions {
  aws: Aws
  watch: FleetWatch
  goal: Goal
  /** Of the goal's version. */
  release: string | undefined
  startedAt: Date
  /** How many failed probe requests are accepted. */
  failureBudget: number
  probe: Probe | undefined
  progress: Progress
  evidence: Evidence
  retryPolicy: RetryPolicy
}

/** Follows the goal to its end. Undefined when interrupted; a refresh keeps running. */
export async function follow(options: FollowOptions): Promise<Ending | undefined> {
  const { goal, retryPolicy, progress, startedAt, release } = options
  let memory = firstMemory(Date.now())
  for (;;) {
    const fleet = await withRetry(() => options.watch.snapshot(goal.refreshId), retryPolicy).catch(
      (error) => giveUp(options, memory, error),
    )
    if (!fleet) return undefined
    const figures = options.probe?.figures()
    progress.update({ startedAt, fleet, release, version: goal.version, figures })
    inform(options, fleet)
    gather(options, fleet)
    const next = step(goal, memory, {
      now: Date.now(),
      fleet,
      blame: options.probe?.blame(options.failureBudget),
      answers: options.probe?.answers,
    })
    memory = next.memory
    for (const action of next.actions) {
      if (action.kind === 'end') return action.ending
      await carryOut(options, fleet, action)
    }
    await pause(retryPolicy.pollMs, retryPolicy.signal)
  }
}

/** When AWS cannot be asked any longer: a release that the probe blames is rolled back unseen, for nobody may be left to. */
async function giveUp(options: FollowOptions, { blame }: Memory, error: Error): Promise<never> {
  const { goal, aws, watch, probe, failureBudget, progress } = options
  const why = blame ?? probe?.blame(failureBudget)
  if (goal.guarded && goal.refreshId && why !== undefined) {
    progress.note(`${why}: rolling back`)
    await rollBackRefresh(aws, watch.name).catch(() => {})
  }
  throw error
}

/** A failure is reported, and following continues: it is not worth losing sight of the refresh for. */
async function carryOut(
  { aws, release, progress, retryPolicy }: FollowOptions,
  fleet: Fleet,
  action: Exclude<Action, { kind: 'end' }>,
): Promise<void> {
  const attempt = async (done: string, act: () => Promise<void>): Promise<void> => {
    try {
      await withRetry(act, retryPolicy)
      if (!retryPolicy.signal.aborted) progress.note(done)
    } catch (error) {
      progress.note(`not done: ${done}. ${explain(error)}`)
    }
  }
  switch (action.kind) {
    case 'mark':
      if (!release || isKept(fleet, release)) return
      return await attempt(`release ${release} is marked on the group as rolled back`, () =>
        markRolledBack(aws, fleet, release),
      )
    case 'roll back':
      progress.note(`${action.why}: rolling back`)
      return await attempt('asked AWS to roll back', () => rollBackRefresh(aws, fleet.name))
  }
}

/** Whether the saved version is of this release too: then a setting was rolled back, and not the release. */
const isKept = ({ members, version }: Fleet, release: string): boolean =>
  members.some((member) => member.version === version && member.release === release)

/** What the fleet tells of the responses that the probe may get. */
function inform({ probe, release, goal }: FollowOptions, fleet: Fleet): void {
  if (!probe) return
  const releases = fleet.members.map((member) => member.release)
  const known = releases.every((each) => each !== undefined) && release !== undefined
  // Includes releases of instances that are gone since the last snapshot: they may have answered in between.
  probe.expected = known
    ? (probe.expected ?? new Set()).union(new Set([...releases, release]))
    : undefined
  const [news, others] = [true, false].map((isNew) =>
    inService(fleet).filter(({ version }) => (version === goal.version) === isNew),
  ) as [Member[], Member[]]
  const zones = new Set(news.map(({ zone }) => zone))
  probe.isSpread = others.every(({ zone }) => zones.has(zone))
  probe.newInstances = news.length
}

/** Collects evidence from failing instances, and once the new version is given up, from all that have it. */
function gather({ evidence, goal }: FollowOptions, fleet: Fleet): void {
  if (goal.version === undefined || goal.isRollback) return
  const status = goal.refreshId ? statusOf(fleet) : undefined
  const isGivenUp =
    status !== undefined &&
    (isTurnedRound(status) || /^(Failed|Cancel)/.test(status)) &&
    status !== 'RollbackSuccessful'
  evidence.consider(fleet, goal.version, isGivenUp)
}
