import { clockTime, type painter, shortRelease, table } from '../../../../scripts/lib/cli/format.ts'
import type { Result } from './result.ts'
import { type PhaseSummary, type Summary, spread } from './totals.ts'

/** The receipt for a person, line by line. */
export function receiptLines(
  result: Result,
  summary: Summary,
  paint: ReturnType<typeof painter>,
): string[] {
  const { rollouts, readBack } = result
  const classes = Object.entries(summary.failures).map(([what, count]) => `${count} ${what}`)
  const took = rollouts.map(({ startedAt, endedAt }) => clockTime((endedAt - startedAt) / 1000))
  const cut = rollouts.map(({ cutSeconds }) => cutSeconds).filter((seconds) => seconds > 0)
  const onAws = cut.length
    ? `; the shortened waits add ${clockTime(Math.max(...cut))} to each on AWS`
    : ''
  const probes = rollouts.flatMap(({ probe }) => probe ?? [])
  return [
    summary.met ? paint('green', 'all as expected') : paint('red', 'not as expected'),
    ...table([
      [
        'scenario',
        `${result.scenario}, ${result.instances} instances, ${result.rate} requests/s and ${result.clients} clients in a closed loop`,
      ],
      [
        'releases',
        Object.entries(result.releases)
          .map(([name, id]) => `${name} ${shortRelease(id)}`)
          .join(', '),
      ],
      ['rollouts', rollouts.length ? `${rollouts.length}, took ${took.join(' ')}${onAws}` : 'none'],
      [
        'requests',
        `${number(summary.requests)}, ${number(summary.failed)} failed${classes.length ? ` (${classes.join(', ')})` : ''}, ${number(summary.unexpected)} unexpectedly`,
      ],
      ['longest gap', `${(summary.longestGapMs / 1000).toFixed(2)} s without a correct response`],
      [
        'p50/p99/peak',
        (['before', 'during', 'after'] as const)
          .map((name) => latency(name, summary.phases[name]))
          .join(', '),
      ],
      [
        'written',
        `${number(readBack.acknowledged)} acknowledged, ${readBack.users} users read back, ${readBack.lost.length} wrong`,
      ],
      [
        'probe',
        `scripts/rollout saw ${number(probes.reduce((sum, { requests }) => sum + requests, 0))} requests, ${probes.reduce((sum, { failed }) => sum + failed, 0)} failed`,
      ],
    ]),
    '',
    ...table([['per instance', 'median', 'most'], ...stepRows(summary)]),
    '',
    ...result.expectations.map(
      ({ what, met, seen }) =>
        `${met ? paint('green', 'met    ') : paint('red', 'NOT MET')}  ${what} (${seen})`,
    ),
  ]
}

/** Steps of an instance: the figures of the README's table. */
function stepRows({ steps }: Summary): string[][] {
  const row = (what: string, values: (number | null)[]) => {
    const found = spread(values)
    return [
      what,
      ...(found ? [found.median, found.most].map((s) => `${s.toFixed(1)} s`) : ['-', '-']),
    ]
  }
  return [
    row(
      'launch to init',
      steps.map(({ boot }) => boot),
    ),
    row(
      'init to in service',
      steps.map(({ checks }) => checks),
    ),
    row(
      'drain at the load balancer',
      steps.map(({ drain }) => drain),
    ),
    row(
      'shutdown',
      steps.map(({ stop }) => stop),
    ),
  ]
}

const number = (value: number): string => value.toLocaleString('en-GB')

function latency(name: string, { p50, p99, peak }: PhaseSummary): string {
  const known = [p50, p99, peak].filter((value) => value !== null)
  return known.length < 3
    ? `${name} none`
    : `${name} ${known.map((value) => value.toFixed(1)).join(' / ')} ms`
}
