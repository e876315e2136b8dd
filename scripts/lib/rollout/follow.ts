import type { Aws } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import type { Fleet, FleetWatch } from '../aws/fleet.ts'
import { markRolledBack, rollBackRefresh } from '../aws/refresh.ts'
import { pause, type RetryPolicy, withRetry } from '../aws/retry.ts'
import { type Action, firstMemory, type Goal, statusOf, step } from './controller.ts'
import { isTurnedRound } from './direction.ts'
import type { Evidence } from './evidence.ts'
import type { Probe } from './probe.ts'
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
    const fleet = await withRetry(() => options.watch.snapshot(goal.refreshId), retryPolicy)
    if (!fleet) return undefined
    const figures = options.probe?.figures()
    progress.update({ startedAt, fleet, release, version: goal.version, figures })
    expectReleases(options, fleet)
    gather(options, fleet)
    const next = step(goal, memory, {
      now: Date.now(),
      fleet,
      blame: options.probe?.blame(options.failureBudget),
      answers: options.probe?.answersOfNew,
    })
    memory = next.memory
    for (const action of next.actions) {
      if (action.kind === 'end') return action.ending
      await carryOut(options, fleet, action)
    }
    await pause(retryPolicy.pollMs, retryPolicy.signal)
  }
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
      if (!release) return
      return await attempt(`release ${release} is marked on the group as rolled back`, () =>
        markRolledBack(aws, fleet, release),
      )
    case 'roll back':
      progress.note(`${action.why}: rolling back`)
      return await attempt('asked AWS to roll back', () => rollBackRefresh(aws, fleet.name))
  }
}

function expectReleases({ probe, release }: FollowOptions, fleet: Fleet): void {
  if (!probe) return
  const releases = fleet.members.map((member) => member.release)
  const known = releases.every((each) => each !== undefined) && release !== undefined
  // Also those of instances that are gone since the last snapshot: they may have answered in between.
  probe.expected = known
    ? (probe.expected ?? new Set()).union(new Set([...releases, release]))
    : undefined
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
