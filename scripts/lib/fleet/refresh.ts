import {
  CancelInstanceRefreshCommand,
  DescribeInstanceRefreshesCommand,
  type InstanceRefresh,
  paginateDescribeInstanceRefreshes,
  type RefreshPreferences,
  RollbackInstanceRefreshCommand,
  StartInstanceRefreshCommand,
} from '@aws-sdk/client-auto-scaling'
import type { Aws } from '../aws/clients.ts'
import { attemptsOf, isTransient, LostAnswer } from '../aws/errors.ts'
import { type RetryPolicy, withRetry } from '../aws/retry.ts'
import { Stop } from '../cli/errors.ts'
import { type Fleet, type FleetWatch, toTemplateVersion } from './fleet.ts'
import { byOperator } from './marks.ts'

export interface RefreshPlan {
  group: string
  templateId: string
  templateVersion: number
  desired: number
  minHealthy: number
  maxHealthy: number
  checkpoints: number[]
  checkpointDelaySeconds: number
  bakeSeconds: number
  alarms: string[]
  autoRollback: boolean
  /** The id of the newest refresh before. */
  newest: string | undefined
}

/**
 * Checkpoints that a group of `desired` instances can stop at. AWS would skip a checkpoint that is reached with the same
 * instance as the next one, so it is left out. Three instances stop at [50,100]; one at [100].
 */
export function fittingCheckpoints(percentages: number[], desired: number): number[] {
  const reached = (percent: number | undefined): number =>
    Math.ceil((desired * (percent ?? 0)) / 100)
  return percentages.filter(
    (percent, index) =>
      index === percentages.length - 1 || reached(percent) !== reached(percentages[index + 1]),
  )
}

/** How many batches a refresh takes, given its checkpoints and its maximum healthy percentage. */
export function batchesOf(checkpoints: number[], desired: number, maxHealthy: number): number {
  const atOnce = Math.max(1, Math.floor((desired * maxHealthy) / 100) - desired)
  let done = 0
  let batches = 0
  for (const percent of checkpoints.length > 0 ? checkpoints : [100]) {
    const until = Math.ceil((desired * percent) / 100)
    batches += Math.ceil((until - done) / atOnce)
    done = until
  }
  return batches
}

/** The launch template version that a refresh rolls out; undefined: the group's own. */
export const targetOf = ({ DesiredConfiguration }: InstanceRefresh): number | undefined =>
  toTemplateVersion(DesiredConfiguration?.LaunchTemplate?.Version)

/** Why it went back, or is where it is; empty if AWS says nothing. */
export const reasonOf = (refresh: InstanceRefresh | undefined): string =>
  refresh?.RollbackDetails?.RollbackReason ?? refresh?.StatusReason ?? ''

/** All refreshes that AWS still remembers (it keeps them for six weeks), newest first. That is AWS's own order: one that is pending may have no time. */
export async function listRefreshes(aws: Aws, group: string): Promise<InstanceRefresh[]> {
  const found: InstanceRefresh[] = []
  const pages = paginateDescribeInstanceRefreshes(
    { client: aws.autoScaling },
    { AutoScalingGroupName: group },
  )
  for await (const { InstanceRefreshes = [] } of pages) found.push(...InstanceRefreshes)
  return found
}

/** The newest refresh; undefined if there was none in six weeks. */
export async function newestRefresh(aws: Aws, group: string): Promise<InstanceRefresh | undefined> {
  const { InstanceRefreshes } = await aws.autoScaling.send(
    new DescribeInstanceRefreshesCommand({ AutoScalingGroupName: group, MaxRecords: 1 }),
  )
  return InstanceRefreshes?.[0]
}

/** Starts the refresh; returns its id. Throws `LostAnswer` if AWS may have started it and nothing shows whether it did. */
export async function startRefresh(
  aws: Aws,
  plan: RefreshPlan,
  retryPolicy: RetryPolicy,
): Promise<string> {
  const checkpoints = fittingCheckpoints(plan.checkpoints, plan.desired)
  const preferences: RefreshPreferences = {
    MinHealthyPercentage: plan.minHealthy,
    MaxHealthyPercentage: plan.maxHealthy,
    SkipMatching: true,
    AutoRollback: plan.autoRollback,
    BakeTime: plan.bakeSeconds,
    // An instance put on standby for inspection neither blocks the rollout nor is replaced.
    StandbyInstances: 'Ignore',
    ScaleInProtectedInstances: 'Refresh',
    ...(checkpoints.length > 0
      ? { CheckpointPercentages: checkpoints, CheckpointDelay: plan.checkpointDelaySeconds }
      : {}),
    ...(plan.alarms.length > 0 ? { AlarmSpecification: { Alarms: plan.alarms } } : {}),
  }
  const command = new StartInstanceRefreshCommand({
    AutoScalingGroupName: plan.group,
    DesiredConfiguration: {
      LaunchTemplate: { LaunchTemplateId: plan.templateId, Version: String(plan.templateVersion) },
    },
    Preferences: preferences,
  })
  try {
    const answer = await aws.autoScaling.send(command)
    return answer.InstanceRefreshId ?? ''
  } catch (error) {
    const ours = await startedDespite(aws, plan, retryPolicy, error as Error)
    if (ours) return ours
    throw error
  }
}

/** How long AWS may take to list a refresh that it has started, in milliseconds. */
const LISTED_MS = 60_000
const LIST_AGAIN_MS = 5_000

/**
 * The refresh that was started although its answer was lost, if there is one: the attempt ended in a network error, or the
 * SDK repeated it and was refused because of the refresh that the first one had started.
 */
async function startedDespite(
  aws: Aws,
  plan: RefreshPlan,
  retryPolicy: RetryPolicy,
  error: Error,
): Promise<string | undefined> {
  const isRefused = error.name.startsWith('InstanceRefreshInProgress')
  if (isRefused ? attemptsOf(error) < 2 : !isTransient(error)) return undefined
  for (let deadline: number | undefined; ; ) {
    const seen = await withRetry(() => listRefreshes(aws, plan.group), retryPolicy).catch(
      () => undefined,
    )
    if (!seen) throw new LostAnswer(error)
    const before = seen.findIndex(({ InstanceRefreshId }) => InstanceRefreshId === plan.newest)
    const since = before < 0 ? seen : seen.slice(0, before)
    if (since.length > 0) {
      return since.find((each) => targetOf(each) === plan.templateVersion)?.InstanceRefreshId
    }
    deadline ??= Date.now() + LISTED_MS
    if (Date.now() >= deadline) return undefined
    await Bun.sleep(LIST_AGAIN_MS)
  }
}

/**
 * Has AWS cancel the running refresh. Refused because the newest is being cancelled is no error: an earlier attempt may have
 * done so. `ended` is one that had ended before. Throws `LostAnswer` if nothing shows whether it did.
 */
export async function cancelRefresh(aws: Aws, group: string, ended?: string): Promise<void> {
  const command = new CancelInstanceRefreshCommand({ AutoScalingGroupName: group })
  await aws.autoScaling.send(command).catch(async (error: Error) => {
    if (!error.name.startsWith('ActiveInstanceRefreshNotFound')) throw error
    const deadline = Date.now() + (attemptsOf(error) > 1 ? LISTED_MS : 0)
    for (;;) {
      const newest = await newestRefresh(aws, group).catch((unanswered: Error) => {
        throw isTransient(unanswered) ? unanswered : new LostAnswer(unanswered)
      })
      const isStopping = newest?.Status === 'Cancelling' || newest?.Status === 'Cancelled'
      if (isStopping && newest?.InstanceRefreshId !== ended) return
      if (Date.now() >= deadline) throw error
      await Bun.sleep(LIST_AGAIN_MS)
    }
  })
}

/** Rolls a running refresh back to the version saved on the group. */
export async function rollBackRefresh(aws: Aws, group: string): Promise<void> {
  await aws.autoScaling.send(new RollbackInstanceRefreshCommand({ AutoScalingGroupName: group }))
}

/** A refresh began between a decision and its execution. */
export class Overtaken extends Stop {
  constructor({ name, group }: Fleet) {
    super(
      `another rollout of ${name} started in the meantime${byOperator(group)}: see 'scripts/rollout status'. Nothing was started.`,
    )
  }
}

/**
 * Throws `Overtaken` if a refresh began since the snapshot `fleet`. AWS has no conditional start, so this is checked
 * last: the remaining gap is one call wide.
 */
export async function assertNotOvertaken(aws: Aws, watch: FleetWatch, fleet: Fleet): Promise<void> {
  const newest = await newestRefresh(aws, fleet.name)
  if (newest?.InstanceRefreshId === fleet.refresh?.InstanceRefreshId) return
  throw new Overtaken(await watch.snapshot())
}
