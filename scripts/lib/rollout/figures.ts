import { percentile } from '../statistics.ts'

/** What a probe's request found: undefined is a right answer in time. */
export type Failure =
  | 'connect'
  | 'reset'
  | 'timeout'
  | '502'
  | '503'
  | '504'
  | 'other 5xx'
  | 'unexpected status'
  | 'wrong body'
  | 'wrong release'

export type Phase = 'before' | 'during' | 'after'

export interface Sample {
  /** When the answer (or the failure) was there, in milliseconds since the epoch. */
  at: number
  ms: number
  phase: Phase
  failure?: Failure
  /** Which request failed and what came back. */
  detail?: string
}

export interface PhaseFigures {
  requests: number
  failed: number
  /** Milliseconds, of right answers; null without any. */
  p50: number | null
  p99: number | null
}

export interface Figures {
  requests: number
  failed: number
  failures: Partial<Record<Failure, number>>
  /** The first failure of each kind: its request and what came back. */
  examples: Partial<Record<Failure, string>>
  /** The longest time between two right answers. */
  longestGapSeconds: number
  phases: Record<Phase, PhaseFigures>
}

/** Sums samples up. `startedAt` and `endedAt` (ms) bound the gaps, so that silence at either end counts. */
export function figuresOf(samples: Sample[], startedAt: number, endedAt: number): Figures {
  const failures: Figures['failures'] = {}
  const examples: Figures['examples'] = {}
  for (const { failure, detail } of samples) {
    if (!failure) continue
    failures[failure] = (failures[failure] ?? 0) + 1
    if (detail !== undefined) examples[failure] ??= detail
  }
  const right = samples.filter(({ failure }) => !failure).map(({ at }) => at)
  const times = [startedAt, ...right.sort((a, b) => a - b), endedAt]
  const gaps = times.slice(1).map((time, index) => time - (times[index] as number))
  const phase = (name: Phase): PhaseFigures =>
    phaseFigures(samples.filter((each) => each.phase === name))
  return {
    requests: samples.length,
    failed: samples.filter(({ failure }) => failure).length,
    failures,
    examples,
    longestGapSeconds: Math.max(0, ...gaps) / 1000,
    phases: { before: phase('before'), during: phase('during'), after: phase('after') },
  }
}

function phaseFigures(samples: Sample[]): PhaseFigures {
  const times = samples
    .filter(({ failure }) => !failure)
    .map(({ ms }) => ms)
    .sort((a, b) => a - b)
  return {
    requests: samples.length,
    failed: samples.length - times.length,
    p50: percentile(times, 50),
    p99: percentile(times, 99),
  }
}

/** Failures by kind with an example of each: `3 502 (GET /hc answered 502), 1 timeout (…)`; empty without any. */
export const failuresText = ({ failures, examples }: Figures): string =>
  (Object.entries(failures) as [Failure, number][])
    .map(([kind, count]) => `${count} ${kind}${examples[kind] ? ` (${examples[kind]})` : ''}`)
    .join(', ')
