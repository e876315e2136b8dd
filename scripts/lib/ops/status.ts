import { explain } from '../aws/errors.ts'
import { NOT_ASKED, runOnEach } from '../aws/ssm.ts'
import {
  age,
  columnsOf,
  fitted,
  painter,
  pairs,
  releaseCounts,
  type Screen,
  shortRelease,
} from '../cli/format.ts'
import {
  countBy,
  type Fleet,
  inService,
  isHealthy,
  type Member,
  suspendedProcesses,
} from '../fleet/fleet.ts'
import { markedOn } from '../fleet/marks.ts'
import { stateOf, targetColour } from '../fleet/member-state.ts'
import { readCounters, sinceStart } from '../probe/counters.ts'
import { type Answered, Sum } from '../probe/traffic.ts'
import type { Ops } from './settings.ts'

/** As many as one command takes. */
const MOST_FOR_TRAFFIC = 50

/** What an instance reports over SSM, alongside what AWS reports about it. */
export interface Report extends Member {
  /** From /etc/app/release. */
  reportedRelease: string | undefined
  /** Status of the local /hc. */
  reportedHealth: string | undefined
  /** What its workers have answered since they started. */
  traffic: Answered | undefined
}

/** Asks each instance that is up. One that cannot be asked is reported without an answer. */
export async function report(ops: Ops, members: Member[]): Promise<Report[]> {
  // One that is booting or terminating cannot answer.
  const up = members.filter(({ lifecycle }) => /^(InService|Standby)$/.test(lifecycle))
  const ids = up.map(({ id }) => id)
  const { aws, group, comment, pollMs, timeoutMs, note } = ops
  const options = { group, comment, pollMs, timeoutMs, note }
  const [outcomes, traffic] = await Promise.all([
    runOnEach(aws, ids, { ...options, verb: 'status' }).catch((error) => {
      ops.warn(`the instances could not be asked over SSM: ${explain(error)}`)
      return []
    }),
    // Not of a large fleet, which SSM would throttle: there, ask for some.
    ids.length > MOST_FOR_TRAFFIC
      ? []
      : runOnEach(aws, ids, { ...options, verb: 'traffic' }).catch((error) => {
          ops.warn(`what the instances have answered could not be read over SSM: ${explain(error)}`)
          return []
        }),
  ])
  for (const { id, status, stdout, stderr } of outcomes) {
    if (status === NOT_ASKED) ops.warn(`${id} could not be asked over SSM: ${stderr}`)
    else if (!stdout) ops.warn(`${id} gave no answer over SSM: ${status} ${stderr}`.trim())
  }
  return members.map((member) => {
    const [output, counters] = [outcomes, traffic].map(
      (each) => each.find(({ id }) => id === member.id)?.stdout ?? '',
    ) as [string, string]
    const value = (name: string): string | undefined =>
      new RegExp(`^${name}=(.+)$`, 'm').exec(output)?.[1]
    return {
      ...member,
      reportedRelease: value('release'),
      reportedHealth: value('health'),
      traffic: answeredOf(counters),
    }
  })
}

function answeredOf(text: string): Answered | undefined {
  const counters = readCounters(text)
  if (!counters) return undefined
  const sum = new Sum()
  sum.add(sinceStart(counters))
  return sum.answered()
}

/** What goes first where a terminal is narrow. */
const LEAST_FIRST = ['ADDRESS', 'ZONE', 'REQUESTS', 'AGE', 'P50/P99 MS', '/HC']

/** The group, and its instances as a table. */
export function statusLines(fleet: Fleet, reports: Report[], screen: Screen): string[] {
  const paint = painter(screen)
  const columns = columnsOf(screen)
  const heading = [
    ...['INSTANCE', 'ZONE', 'RELEASE', 'AGE', 'STATE', '/HC', 'ADDRESS'],
    ...['REQUESTS', '5XX', 'P50/P99 MS'],
  ]
  // Below the others, where they are seen in a long table.
  const unsound = (each: Report): boolean => !isHealthy(each) || each.reportedHealth !== '200'
  const sorted = reports.toSorted((a, b) => Number(unsound(a)) - Number(unsound(b)))
  const rows = sorted.map((each) => {
    const differs = each.reportedRelease !== undefined && each.reportedRelease !== each.release
    const release = shortRelease(each.reportedRelease ?? each.release)
    return [
      each.id,
      each.zone,
      differs ? paint('red', `${release} (tag: ${shortRelease(each.release)})`) : release,
      age(fleet.at, each.launchedAt),
      paint(targetColour(each), stateOf(each)),
      each.reportedHealth ?? '-',
      each.privateIp ?? '-',
      each.traffic ? String(each.traffic.requests) : '-',
      each.traffic ? String(each.traffic.failed) : '-',
      each.traffic?.p50 == null
        ? '-'
        : `${each.traffic.p50.toFixed(0)}/${each.traffic.p99?.toFixed(0)}`,
    ]
  })
  const { refresh } = fleet
  const facts = [
    [
      'group',
      `${fleet.name}: ${reports.length} instances, ${fleet.desired} desired, launch template version ${fleet.templateVersion ?? 'none'}`,
    ],
    [
      'in service',
      `${releaseCounts(countBy('release', fleet))}; healthy: ${inService(fleet).filter(isHealthy).length}`,
    ],
    ['refresh', refresh ? `${refresh.Status} ${refresh.PercentageComplete ?? 0} %` : 'none yet'],
    ['suspended', suspendedProcesses(fleet).join(', ')],
    ['rolled back', markedOn(fleet.group).map(shortRelease).join(', ')],
  ].filter(([, text]) => text)
  return [...pairs(facts, columns), '', ...fitted([heading, ...rows], columns, LEAST_FIRST)]
}
