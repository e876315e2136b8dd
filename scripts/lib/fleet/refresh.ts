import {
  CancelInstanceRefreshCommand,
  CreateOrUpdateTagsCommand,
  DeleteTagsCommand,
  DescribeInstanceRefreshesCommand,
  type InstanceRefresh,
  paginateDescribeInstanceRefreshes,
  type RefreshPreferences,
  RollbackInstanceRefreshCommand,
  StartInstanceRefreshCommand,
} from '@aws-sdk/client-auto-scaling'
import { callerName } from '../aws/caller.ts'
import type { Aws } from '../aws/clients.ts'
import { attemptsOf, isTransient, LostAnswer } from '../aws/errors.ts'
import { type RetryPolicy, withRetry } from '../aws/retry.ts'
import { type Fleet, markedReleases, toVersion } from './fleet.ts'
import { TAG } from './tags.ts'

export interface RefreshPlan {
  group: string
  templateId: string
  version: number
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
export const desiredVersion = ({ DesiredConfiguration }: InstanceRefresh): number | undefined =>
  toVersion(DesiredConfiguration?.LaunchTemplate?.Version)

/** All refreshes that AWS still remembers (it keeps them for six weeks), newest first. */
export async function listRefreshes(aws: Aws, group: string): Promise<InstanceRefresh[]> {
  const found: InstanceRefresh[] = []
  const pages = paginateDescribeInstanceRefreshes(
    { client: aws.autoScaling },
    { AutoScalingGroupName: group },
  )
  for await (const { InstanceRefreshes = [] } of pages) found.push(...InstanceRefreshes)
  return found.sort((a, b) => (b.StartTime?.getTime() ?? 0) - (a.StartTime?.getTime() ?? 0))
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
      LaunchTemplate: { LaunchTemplateId: plan.templateId, Version: String(plan.version) },
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
const LOOK_MS = 5_000

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
  const look = () => listRefreshes(aws, plan.group)
  for (let deadline: number | undefined; ; ) {
    const seen = await withRetry(look, retryPolicy).catch(() => undefined)
    if (!seen) throw new LostAnswer(error)
    const before = seen.findIndex(({ InstanceRefreshId }) => InstanceRefreshId === plan.newest)
    const since = before < 0 ? seen : seen.slice(0, before)
    if (since.length > 0) {
      return since.find((each) => desiredVersion(each) === plan.version)?.InstanceRefreshId
    }
    deadline ??= Date.now() + LISTED_MS
    if (Date.now() >= deadline) return undefined
    await Bun.sleep(LOOK_MS)
  }
}

export async function cancelRefresh(aws: Aws, group: string): Promise<void> {
  await aws.autoScaling.send(new CancelInstanceRefreshCommand({ AutoScalingGroupName: group }))
}

/** Rolls a running refresh back to the version saved on the group. */
export async function rollBackRefresh(aws: Aws, group: string): Promise<void> {
  await aws.autoScaling.send(new RollbackInstanceRefreshCommand({ AutoScalingGroupName: group }))
}

/** AWS's limit for a tag's value, in characters. */
const MOST_CHARACTERS = 256

/** Marks `release` on the group as rolled back, in addition to those already marked. */
export async function markRolledBack(aws: Aws, { group, name }: Fleet, release: string) {
  const marks = [...markedReleases(group).filter((each) => each !== release), release]
  while (marks.join(' ').length > MOST_CHARACTERS) marks.shift()
  await writeMarks(aws, name, marks)
}

/** Removes the mark of `release`, if it has one. */
export async function unmarkRolledBack(aws: Aws, { group, name }: Fleet, release: string) {
  const marked = markedReleases(group)
  if (!marked.includes(release)) return
  await writeMarks(
    aws,
    name,
    marked.filter((each) => each !== release),
  )
}

/** Records the running version on the group, for a rollback after AWS has forgotten it. */
export async function recordPrevious(aws: Aws, { name, version }: Fleet): Promise<void> {
  if (version !== undefined) await writeTag(aws, name, TAG.previous, String(version))
}

/** Records on the group who started, rolled back or cancelled its newest refresh. */
export async function recordOperator(aws: Aws, { name }: Fleet): Promise<void> {
  const who = await callerName(aws)
  await writeTag(aws, name, TAG.operator, `${who} at ${new Date().toISOString()}`)
}

async function writeTag(aws: Aws, group: string, key: string, value: string): Promise<void> {
  const tag = { ...tagOf(group, key), Value: value, PropagateAtLaunch: false }
  await aws.autoScaling.send(new CreateOrUpdateTagsCommand({ Tags: [tag] }))
}

async function writeMarks(aws: Aws, group: string, releases: string[]): Promise<void> {
  if (releases.length > 0) return await writeTag(aws, group, TAG.rolledBack, releases.join(' '))
  await aws.autoScaling.send(new DeleteTagsCommand({ Tags: [tagOf(group, TAG.rolledBack)] }))
}

const tagOf = (group: string, Key: string) => ({
  ResourceId: group,
  ResourceType: 'auto-scaling-group',
  Key,
})
