import {
  type CompositeAlarm,
  DescribeAlarmsCommand,
  type MetricAlarm,
  paginateDescribeAlarms,
} from '@aws-sdk/client-cloudwatch'
import { count, type Finding, problem, problemsOr } from '../verify/finding.ts'
import type { Account } from './account.ts'
import type { Environment } from './environment.ts'
import { MetricSearch, type Sight, type Watched } from './metrics.ts'

interface Alarms {
  metric: MetricAlarm[]
  composite: CompositeAlarm[]
  /** Names of those that ring through a composite one. */
  children: Set<string>
}

/**
 * Whether the environment's alarms can ring: each is there, tells somebody, is OK, and its metric exists with exactly its
 * dimensions. An alarm on a metric that does not exist is OK for ever, if missing data is taken as good.
 */
export async function checkAlarms(environment: Environment): Promise<Finding[]> {
  const { aws, group, configuration } = environment
  const alarms = await findAlarms(aws, group)
  const all = [...alarms.metric, ...alarms.composite]
  const expected = typeof configuration === 'string' ? [] : configuration.outputs.alarms
  const missing = expected.filter((name) => !all.some(({ AlarmName }) => AlarmName === name))
  const problems = missing.map((name) =>
    problem(`the alarm ${name} does not exist`, 'run terraform apply, which creates it'),
  )
  if (all.length === 0 && missing.length === 0) {
    problems.push(
      problem(`no alarm is named ${group}-…`, 'check --group and --region, or run terraform apply'),
    )
  }
  for (const alarm of all) {
    problems.push(...stateOf(alarm), ...actionsOf(alarm, alarms.children))
  }
  const { deaf, silent } = await checkMetrics(aws, alarms.metric)
  const note =
    silent.length > 0
      ? `; nothing reported yet, but under known dimensions: ${silent.join(', ')}`
      : ''
  return problemsOr(
    [...problems, ...deaf],
    `${count(all.length, 'alarm')}, all OK, on metrics that exist${note}`,
  )
}

/** Problems with alarms whose metric does not exist, and metrics that may have nothing to report yet. */
async function checkMetrics(
  aws: Account,
  alarms: MetricAlarm[],
): Promise<{ deaf: Finding[]; silent: string[] }> {
  const search = new MetricSearch(aws)
  const silent = new Set<string>()
  const deaf = new Map<string, { sight: Sight; names: string[] }>()
  for (const alarm of alarms) {
    for (const metric of metricsOf(alarm)) {
      const sight = await search.find(metric)
      if (!sight.todo && !sight.exists) silent.add(metric.name)
      if (!sight.todo) continue
      // A metric that is wrong for one node of the store is wrong for all: one line says it.
      const key = `${metric.namespace} ${metric.name}`
      const known = deaf.get(key) ?? { sight, names: [] }
      deaf.set(key, { ...known, names: [...known.names, alarm.AlarmName ?? ''] })
    }
  }
  const findings = [...deaf.values()].map(({ sight: { text, todo = '' }, names }) => {
    const others = names.length > 1 ? ` and ${names.length - 1} more` : ''
    return problem(`${names[0]}${others} can never ring: ${text}`, todo)
  })
  return { deaf: findings, silent: [...silent] }
}

/** The topics that the environment's alarms tell. */
export async function alarmTopics({ aws, group }: Environment): Promise<string[]> {
  const { metric, composite } = await findAlarms(aws, group)
  const actions = [...metric, ...composite].flatMap(({ AlarmActions = [] }) => AlarmActions)
  return [...new Set(actions.filter((arn) => /^arn:[\w-]+:sns:/.test(arn)))]
}

async function findAlarms(aws: Account, group: string): Promise<Alarms> {
  const found: Alarms = { metric: [], composite: [], children: new Set() }
  const pages = paginateDescribeAlarms(
    { client: aws.cloudwatch },
    { AlarmNamePrefix: `${group}-`, AlarmTypes: ['MetricAlarm', 'CompositeAlarm'] },
  )
  for await (const { MetricAlarms = [], CompositeAlarms = [] } of pages) {
    found.metric.push(...MetricAlarms)
    found.composite.push(...CompositeAlarms)
  }
  for (const { AlarmName } of found.composite) {
    const { MetricAlarms = [], CompositeAlarms = [] } = await aws.cloudwatch.send(
      new DescribeAlarmsCommand({ ChildrenOfAlarmName: AlarmName }),
    )
    for (const child of [...MetricAlarms, ...CompositeAlarms]) {
      found.children.add(child.AlarmName ?? '')
    }
  }
  return found
}

function stateOf({ AlarmName, StateValue, StateReason }: MetricAlarm | CompositeAlarm): Finding[] {
  if (StateValue === 'OK') return []
  const text = `${AlarmName} is in ${StateValue ?? 'no state'}${StateReason ? `: ${StateReason}` : ''}`
  return [
    problem(
      text.replace(/\.$/, ''),
      StateValue === 'ALARM'
        ? "scripts/RUNBOOK.md has a heading for it; no rollout starts until it is OK, 'scripts/rollout rollback' does"
        : 'a new alarm needs some minutes of data: run this again; no rollout starts until it is OK',
    ),
  ]
}

function actionsOf(
  { AlarmName = '', ActionsEnabled, AlarmActions = [] }: MetricAlarm | CompositeAlarm,
  children: Set<string>,
): Finding[] {
  if (children.has(AlarmName)) return []
  if (ActionsEnabled === false) {
    return [
      problem(
        `the actions of ${AlarmName} are disabled: it tells nobody`,
        `enable them with 'aws cloudwatch enable-alarm-actions --alarm-names ${AlarmName}'`,
      ),
    ]
  }
  if (AlarmActions.length > 0) return []
  return [problem(`${AlarmName} has no action: it tells nobody`, 'run terraform apply')]
}

/** A single metric, or those of an expression. */
function metricsOf(alarm: MetricAlarm): Watched[] {
  const own = alarm.MetricName ? [alarm] : []
  const parts = (alarm.Metrics ?? []).flatMap(({ MetricStat }) => MetricStat?.Metric ?? [])
  return [...own, ...parts].map(({ Namespace = '', MetricName = '', Dimensions = [] }) => ({
    namespace: Namespace,
    name: MetricName,
    dimensions: Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value])),
  }))
}
