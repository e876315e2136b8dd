import { clockTime, type painter, shortRelease, table } from '../../../../scripts/lib/cli/format.ts'
import type { Result } from './result.ts'
import { type PhaseSummary, type Summary, spread } from './totals.ts'

/** The receipt for a person, line by line. */
export function receiptLines(
  result: Result,
  summary: Summary,
  paint: ReturnType<typeof painter>,
): string[] {
  const { rollouts, readBack, instances, rate, clients } = result
  const classes = Object.entries(summary.failures).map(([what, count]) => `${count} ${what}`)
  const took = rollouts.map(({ startedAt, endedAt }) => clockTime((endedAt - startedAt) / 1000))
  const cut = Math.max(0, ...rollouts.map(({ cutSeconds }) => cutSeconds))
  const onAws = cut > 0 ? `; the shortened waits add ${clockTime(cut)} to each on AWS` : ''
  const releases = Object.entries(result.releases).map(
    ([name, id]) => `${name} ${shortRelease(id)}`,
  )
  const phases = Object.entries(summary.phases).map(([name, phase]) => latency(name, phase))
  const probes = rollouts.flatMap(({ probe }) => probe ?? [])
  const seen = probes.reduce((sum, { requests }) => sum + requests, 0)
  const missed = probes.reduce((sum, { failed }) => sum + failed, 0)
  const steps = Object.entries(STEPS).map(([what, step]) => {
    const found = spread(summary.steps.map((of) => of[step]))
    const shown = found
      ? [found.median, found.most].map((seconds) => `${seconds.toFixed(1)} s`)
      : []
    return [what, ...shown]
  })
  return [
    summary.met ? paint('green', 'all as expected') : paint('red', 'not as expected'),
    ...table([
      [
        'scenario',
        `${result.scenario}, ${instances} instances, ${rate} requests/s and ${clients} clients in a closed loop`,
      ],
      ['releases', releases.join(', ')],
      ['rollouts', rollouts.length ? `${rollouts.length}, took ${took.join(' ')}${onAws}` : 'none'],
      [
        'requests',
        `${number(summary.requests)}, ${number(summary.failed)} failed${classes.length ? ` (${classes.join(', ')})` : ''}, ${number(summary.unexpected)} unexpectedly`,
      ],
      ['longest gap', `${(summary.longestGapMs / 1000).toFixed(2)} s without a correct response`],
      ['p50/p99/peak', phases.join(', ')],
      [
        'written',
        `${number(readBack.acknowledged)} acknowledged, ${readBack.users} users read back, ${readBack.lost.length} wrong`,
      ],
      ['probe', `scripts/rollout saw ${number(seen)} requests, ${missed} failed`],
    ]),
    '',
    ...table([['per instance', 'median', 'most'], ...steps]),
    '',
    ...result.expectations.map(
      ({ what, met, seen: found }) =>
        `${met ? paint('green', 'met    ') : paint('red', 'NOT MET')}  ${what} (${found})`,
    ),
  ]
}

/** The figures of the README's table. */
const STEPS = {
  'launch to init': 'boot',
  'init to in service': 'checks',
  'drain at the load balancer': 'drain',
  shutdown: 'stop',
} as const

const number = (value: number): string => value.toLocaleString('en-GB')

function latency(name: string, { p50, p99, peak }: PhaseSummary): string {
  const known = [p50, p99, peak].filter((value) => value !== null)
  return known.length < 3
    ? `${name} none`
    : `${name} ${known.map((value) => value.toFixed(1)).join(' / ')} ms`
}
