import { DescribeAlarmsCommand, type MetricAlarm } from '@aws-sdk/client-cloudwatch'
import type { Aws } from '../aws/clients.ts'

/** A metric alarm, or a composite alarm, which has no periods of its own. */
export interface Alarm {
  name: string
  state: string
  reason: string
  /** How long a problem must last to set it off: all periods that must be bad. Undefined for a composite alarm. */
  seconds: number | undefined
  /** Whether it counts unhealthy instances, whatever their share of the requests. */
  watchesInstances: boolean
}

/** Those of the named alarms that exist. */
export async function findAlarms(aws: Aws, names: string[]): Promise<Alarm[]> {
  const { MetricAlarms = [], CompositeAlarms = [] } = await aws.cloudwatch.send(
    new DescribeAlarmsCommand({
      AlarmNames: names,
      AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
    }),
  )
  return [...MetricAlarms, ...CompositeAlarms].map((alarm) => ({
    name: alarm.AlarmName ?? '',
    state: alarm.StateValue ?? 'unknown',
    reason: alarm.StateReason ?? '',
    seconds: secondsOf(alarm),
    watchesInstances: 'MetricName' in alarm && alarm.MetricName === 'UnHealthyHostCount',
  }))
}

function secondsOf({
  Period,
  EvaluationPeriods = 1,
  DatapointsToAlarm = EvaluationPeriods,
  Metrics,
}: MetricAlarm): number | undefined {
  // An alarm on a metric expression has the periods of its metrics.
  const periods = [
    Period,
    ...(Metrics ?? []).map(({ MetricStat, Period: own }) => MetricStat?.Period ?? own),
  ]
  const known = periods.filter((period) => period !== undefined)
  return known.length === 0 ? undefined : Math.max(...known) * DatapointsToAlarm
}
