import { DescribeLogStreamsCommand, paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs'
import { age } from '../cli/format.ts'
import { inService } from '../fleet/fleet.ts'
import { count, type Finding, problem, problemsOr, unknown } from '../verify/finding.ts'
import type { Environment } from './environment.ts'

/** A timer leaves a line in every journal each minute; the agent and CloudWatch take another. */
const FRESH_MS = 5 * 60_000

/** Whether the journal of every instance in service arrives in CloudWatch. */
export async function checkJournal(environment: Environment): Promise<Finding[]> {
  const { aws, fleet, userData } = environment
  const logGroupName = /"log_group_name": "([^"]+)"/.exec(await userData())?.[1]
  if (!logGroupName) return [unknown('the user data of the instances names no log group')]
  const now = Date.now()
  const members = inService(await fleet())
  const problems: Finding[] = []
  for (const { id, launchedAt } of members) {
    const logStreamNamePrefix = `${id}/`
    const stream = { logGroupName, logStreamNamePrefix }
    if (await hasEvent(environment, { ...stream, startTime: now - FRESH_MS })) continue
    const { logStreams = [] } = await aws.logs.send(new DescribeLogStreamsCommand(stream))
    const last = Math.max(...logStreams.map(({ lastEventTimestamp = 0 }) => lastEventTimestamp))
    problems.push(
      logStreams.length === 0
        ? problem(
            `${id}, launched ${age(new Date(now), launchedAt)} ago, has no stream in ${logGroupName}`,
            `see 'scripts/ops bundle ${id}' for app-log-agent and amazon-cloudwatch-agent, and the endpoint for logs below`,
          )
        : problem(
            `${id} has sent no line to ${logGroupName} for ${last > 0 ? age(new Date(now), new Date(last)) : 'minutes'}`,
            `see 'scripts/ops bundle ${id}' for app-journal and amazon-cloudwatch-agent`,
          ),
    )
  }
  return problemsOr(
    problems,
    `${logGroupName} has lines of the last five minutes from ${count(members.length, 'instance')}`,
  )
}

// The stream's own time of its last event may be an hour late (CloudWatch Logs API Reference, LogStream).
async function hasEvent(
  { aws }: Environment,
  input: { logGroupName: string; logStreamNamePrefix: string; startTime: number },
): Promise<boolean> {
  const pages = paginateFilterLogEvents({ client: aws.logs }, { ...input, limit: 1 })
  for await (const { events = [] } of pages) if (events.length > 0) return true
  return false
}
