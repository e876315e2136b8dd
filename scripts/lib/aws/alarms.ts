import { DescribeAlarmsCommand, type MetricAlarm } from '@aws-sdk/client-cloudwatch'
import type { Aws } from './clients.ts'

/** Those of the named alarms that exist. */
export async function findAlarms(aws: Aws, names: string[]): Promise<MetricAlarm[]> {
  const answer = await aws.cloudwatch.send(new DescribeAlarmsCommand({ AlarmNames: names }))
  return answer.MetricAlarms ?? []
}
