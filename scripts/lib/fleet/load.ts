import { GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch'
import type { Aws } from '../aws/clients.ts'
import type { Fleet } from './fleet.ts'

const HOUR_MS = 3_600_000

/** Requests per second that callers sent to the fleet in the last hour, on average. Throws if CloudWatch does not tell. */
export async function requestsPerSecond(
  { cloudwatch }: Aws,
  { group, desired }: Fleet,
): Promise<number> {
  const [, targetGroup] = group.TargetGroupARNs?.[0]?.match(/:(targetgroup\/.+)$/) ?? []
  if (!targetGroup) return 0
  const now = Date.now()
  // Of a target, so that the load balancer need not be known.
  const { Datapoints = [] } = await cloudwatch.send(
    new GetMetricStatisticsCommand({
      Namespace: 'AWS/ApplicationELB',
      MetricName: 'RequestCountPerTarget',
      Dimensions: [{ Name: 'TargetGroup', Value: targetGroup }],
      Statistics: ['Sum'],
      Period: HOUR_MS / 1000,
      StartTime: new Date(now - HOUR_MS),
      EndTime: new Date(now),
    }),
  )
  const perTarget = Datapoints.reduce((sum, { Sum = 0 }) => sum + Sum, 0)
  return (perTarget * desired) / (HOUR_MS / 1000)
}
