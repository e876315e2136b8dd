import { type Latencies, note, percentileOf } from './histogram.ts'

/** How a probe request failed; undefined: a correct response in time. */
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
  /** When the response (or the failure) arrived, in milliseconds since the epoch. */
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
  /** Milliseconds, of correct responses; null if there are none. */
  p50: number | null
  p99: number | null
}

export interface Figures {
  requests: number
  failed: number
  failures: Partial<Record<Failure, number>>
  /** The first failure of each kind: its request and what came back. */
  examples: Partial<Record<Failure, string>>
  /** The longest time between two correct responses. */
  longestGapSeconds: number
  phases: Record<Phase, PhaseFigures>
}

/** Aggregates samples as they arrive, in chronological order, in memory that does not grow with their number. */
export class Tally {
  private readonly failures: Figures['failures'] = {}
  private readonly examples: Figures['examples'] = {}
  private readonly phases: Record<Phase, PhaseTally> = {
    before: emptyTally(),
    during: emptyTally(),
    after: emptyTally(),
  }
  private longestGapMs = 0
  private lastRightAt: number

  /** The first gap begins at `startedAt`, in milliseconds since the epoch. */
  constructor(startedAt: number) {
    this.lastRightAt = startedAt
  }

  add({ at, ms, phase, failure, detail }: Sample): void {
    const tally = this.phases[phase]
    tally.requests++
    if (failure) {
      tally.failed++
      this.failures[failure] = (this.failures[failure] ?? 0) + 1
      if (detail !== undefined) this.examples[failure] ??= detail
      return
    }
    note(tally.latencies, ms)
    this.longestGapMs = Math.max(this.longestGapMs, at - this.lastRightAt)
    this.lastRightAt = at
  }

  /** The figures so far; the last gap ends at `now`. */
  figures(now: number): Figures {
    const { before, during, after } = this.phases
    const all = [before, during, after]
    return {
      requests: all.reduce((sum, { requests }) => sum + requests, 0),
      failed: all.reduce((sum, { failed }) => sum + failed, 0),
      failures: { ...this.failures },
      examples: { ...this.examples },
      longestGapSeconds: Math.max(this.longestGapMs, now - this.lastRightAt) / 1000,
      phases: {
        before: phaseFigures(before),
        during: phaseFigures(during),
        after: phaseFigures(after),
      },
    }
  }
}

interface PhaseTally {
  requests: number
  failed: number
  latencies: Latencies
}

const emptyTally = (): PhaseTally => ({ requests: 0, failed: 0, latencies: {} })

const phaseFigures = ({ requests, failed, latencies }: PhaseTally): PhaseFigures => ({
  requests,
  failed,
  p50: percentileOf(latencies, 50),
  p99: percentileOf(latencies, 99),
})

/** Failures by kind with an example of each: `3 502 (GET /hc returned 502), 1 timeout (…)`; empty if there are none. */
export const failuresText = ({ failures, examples }: Figures): string =>
  (Object.entries(failures) as [Failure, number][])
    .map(([kind, count]) => `${count} ${kind}${examples[kind] ? ` (${examples[kind]})` : ''}`)
    .join(', ')
