import { type Latencies, merge, percentileOf } from '../../../../scripts/lib/probe/histogram.ts'
import { requestsOf } from '../load/process.ts'
import type { Result } from './result.ts'

export interface PhaseSummary {
  seconds: number
  requests: number
  failed: number
  /** Milliseconds; null without a correct response. */
  p50: number | null
  p99: number | null
  /** The p99 of the second in which it was highest. */
  peak: number | null
}

/** How long the steps of an instance took, in seconds. */
export interface Steps {
  id: string
  release: string
  /** From launch to the first request. */
  inService: number | null
  /** Of that, until its init ran, and until the load balancer had found it healthy. */
  boot: number | null
  checks: number | null
  /** From deregistration until no connection was left. */
  drain: number | null
  /** From shutdown until it was gone, which includes the service's own drain. */
  stop: number | null
}

/** The figures of a result. */
export interface Summary {
  met: boolean
  requests: number
  failed: number
  unexpected: number
  failures: Record<string, number>
  longestGapMs: number
  phases: { before: PhaseSummary; during: PhaseSummary; after: PhaseSummary }
  requestsByRelease: Record<string, number>
  steps: Steps[]
}

export function summarize(result: Result): Summary {
  const { seconds, rollouts, lives, releaseOf } = result
  const failures: Record<string, number> = {}
  const byRelease: Record<string, number> = {}
  for (const { failed, served } of seconds) {
    for (const { what } of failed) failures[what] = (failures[what] ?? 0) + 1
    for (const [instance, count] of Object.entries(served)) {
      const release = releaseOf[instance] ?? 'unknown'
      byRelease[release] = (byRelease[release] ?? 0) + count
    }
  }
  const starts = rollouts[0]?.startedAt ?? Number.POSITIVE_INFINITY
  const ends = rollouts.at(-1)?.endedAt ?? Number.POSITIVE_INFINITY
  const during = (at: number) =>
    rollouts.some(({ startedAt, endedAt }) => at * 1000 >= startedAt && at * 1000 < endedAt)
  return {
    met: result.expectations.every(({ met }) => met),
    requests: sum(seconds.map(requestsOf)),
    failed: sum(Object.values(failures)),
    unexpected: result.unexpectedFailures.length,
    failures,
    longestGapMs: Math.max(0, ...seconds.map(({ gapMs }) => gapMs)),
    phases: {
      before: phase(seconds.filter(({ at }) => at * 1000 < starts)),
      during: phase(seconds.filter(({ at }) => during(at))),
      after: phase(seconds.filter(({ at }) => at * 1000 >= ends)),
    },
    requestsByRelease: byRelease,
    steps: lives.map((life) => {
      const since = (from: number | undefined, to: number | undefined) =>
        from === undefined || to === undefined ? null : (to - from) / 1000
      return {
        id: life.id,
        release: releaseOf[life.id] ?? 'unknown',
        inService: since(life.launchedAt, life.healthyAt),
        boot: since(life.launchedAt, life.runningAt),
        checks: since(life.runningAt, life.healthyAt),
        drain: since(life.deregisteredAt, life.stoppingAt),
        stop: since(life.stoppingAt, life.goneAt),
      }
    }),
  }
}

function phase(seconds: Result['seconds']): PhaseSummary {
  const latencies: Latencies = merge(seconds.map((second) => second.latencies))
  return {
    seconds: seconds.length,
    requests: sum(seconds.map(requestsOf)),
    failed: sum(seconds.map(({ failed }) => failed.length)),
    p50: percentileOf(latencies, 50),
    p99: percentileOf(latencies, 99),
    peak: seconds.reduce<number | null>((most, { latencies: own }) => {
      const p99 = percentileOf(own, 99)
      return p99 === null ? most : Math.max(most ?? 0, p99)
    }, null),
  }
}

const sum = (numbers: number[]): number => numbers.reduce((total, each) => total + each, 0)

/** The median and the maximum, in seconds; null without values. */
export function spread(values: (number | null)[]): { median: number; most: number } | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b)
  const median = known[Math.floor((known.length - 1) / 2)]
  return median === undefined ? null : { median, most: known.at(-1) as number }
}
