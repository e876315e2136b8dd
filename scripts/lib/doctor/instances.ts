import { DescribeScalingActivitiesCommand } from '@aws-sdk/client-auto-scaling'
import { GetDocumentCommand, paginateDescribeInstanceInformation } from '@aws-sdk/client-ssm'
import { unless } from '../aws/errors.ts'
import { age, releaseCounts } from '../cli/format.ts'
import { countBy, inService, isHealthy } from '../fleet/fleet.ts'
import { isRunning } from '../fleet/refresh-status.ts'
import { count, type Finding, problem, problemsOr } from '../verify/finding.ts'
import type { Account } from './account.ts'
import type { Environment } from './environment.ts'

/** How long a failed launch stays worth a word, in milliseconds. */
const RECENT_MS = 3_600_000

/** Whether as many instances serve as should, and whether the group recently failed to launch or end one. */
export async function checkInstances({ aws, group, fleet }: Environment): Promise<Finding[]> {
  const now = await fleet()
  const serving = inService(now).filter(isHealthy).length
  const { Activities = [] } = await aws.autoScaling.send(
    new DescribeScalingActivitiesCommand({ AutoScalingGroupName: group, MaxRecords: 20 }),
  )
  const failed = Activities.find(
    ({ StatusCode, StartTime }) =>
      StatusCode === 'Failed' && now.at.getTime() - (StartTime?.getTime() ?? 0) < RECENT_MS,
  )
  const problems = inService(now)
    .filter((member) => !isHealthy(member))
    .map(({ id, health, target, targetReason, targetDescription }) =>
      problem(
        `${id} is ${health}, and the load balancer sees it as ${target}${targetReason ? ` (${targetReason}: ${targetDescription ?? ''})` : ''}`,
        `see 'scripts/ops logs ${id}'`,
      ),
    )
  if (serving < now.desired && problems.length === 0) {
    problems.push(
      problem(
        `${serving} of ${count(now.desired, 'instance')} are in service`,
        isRunning(now.refresh?.Status)
          ? "a rollout is running: follow it with 'scripts/rollout watch'"
          : "see 'scripts/rollout status', and run this again in two minutes",
      ),
    )
  }
  if (failed) {
    problems.push(
      problem(
        `${age(now.at, failed.StartTime)} ago: ${failed.Description} ${failed.StatusMessage ?? ''}`.trim(),
        'if it goes on, mend what AWS names there: a missing image, a quota, the key of the volumes, or no capacity in a zone',
      ),
    )
  }
  return problemsOr(
    problems,
    `${count(serving, 'instance')} in service and healthy: ${releaseCounts(countBy('release', now))}`,
  )
}

/** AWS accepts no more ids in one filter. */
const IDS_LIMIT = 50

/** Whether SSM reaches every instance in service, and opens a shell there: without it there is no scripts/ops. */
export async function checkAgents({ aws, fleet }: Environment): Promise<Finding[]> {
  const ids = inService(await fleet()).map(({ id }) => id)
  const online = new Set<string | undefined>()
  for (let start = 0; start < ids.length; start += IDS_LIMIT) {
    const pages = paginateDescribeInstanceInformation(
      { client: aws.ssm, pageSize: IDS_LIMIT },
      { Filters: [{ Key: 'InstanceIds', Values: ids.slice(start, start + IDS_LIMIT) }] },
    )
    for await (const { InstanceInformationList = [] } of pages) {
      for (const { InstanceId, PingStatus } of InstanceInformationList) {
        if (PingStatus === 'Online') online.add(InstanceId)
      }
    }
  }
  const lost = ids.filter((id) => !online.has(id))
  const problems =
    lost.length === 0
      ? []
      : [
          problem(
            `SSM does not reach ${lost.join(', ')}`,
            'check the endpoints below, and that the instance role still has its policy; an agent that came up without them tries again within half an hour',
          ),
        ]
  return [
    ...problemsOr(problems, `SSM reaches ${count(ids.length, 'instance')}`),
    ...(await checkShell(aws)),
  ]
}

/** The account's preferences for sessions, where somebody has saved any. */
const SHELL = 'SSM-SessionManagerRunShell'

/** Of these, what the instances' role or their image does not have. */
const DEMANDS = ['kmsKeyId', 's3BucketName', 'cloudWatchLogGroupName', 'runAsEnabled']

async function checkShell({ ssm }: Account): Promise<Finding[]> {
  const saved = await ssm
    .send(new GetDocumentCommand({ Name: SHELL }))
    .catch(unless('InvalidDocument'))
  const { inputs = {} } = JSON.parse(saved?.Content ?? '{}')
  const demanded = DEMANDS.filter((each) => inputs[each])
  if (demanded.length === 0) return []
  return [
    problem(
      `the account's document ${SHELL} sets ${demanded.join(', ')}, for which the instances are not made: no shell may open`,
      'clear it in the preferences of Session Manager, or give the role in terraform/instance_role.tf and the policy shell what it needs',
    ),
  ]
}
