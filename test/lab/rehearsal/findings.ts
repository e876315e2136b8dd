import type { FailedRequest } from './load/lines.ts'
import type { Expectation, Mark } from './report/result.ts'

/** What happened in a scenario, and whether it was to happen. */
export class Findings {
  readonly startedAt = Date.now()
  readonly marks: Mark[] = []
  readonly expectations: Expectation[] = []
  private readonly allowed: ((failure: FailedRequest) => boolean)[] = []

  constructor(private readonly scenario: string) {}

  /** Records a moment for the page, and prints it. */
  mark(what: string): void {
    this.marks.push({ at: Date.now(), what })
    const seconds = (Date.now() - this.startedAt) / 1000
    console.error(`${this.scenario.padEnd(16)}${seconds.toFixed(1).padStart(6)} s  ${what}`)
  }

  expect(what: string, met: boolean, seen: string): void {
    this.expectations.push({ what, met, seen })
  }

  /** Allows failures that a scenario causes on purpose. */
  allow(allows: (failure: FailedRequest) => boolean): void {
    this.allowed.push(allows)
  }

  /** Expects every failure to be one that was allowed. Returns those that were not. */
  expectFailures(failed: FailedRequest[]): FailedRequest[] {
    const unexpected = failed.filter((failure) => !this.allowed.some((allows) => allows(failure)))
    this.expect(
      'no request fails unexpectedly',
      unexpected.length === 0,
      unexpected.length === 0 ? `${failed.length} failed, all expected` : describe(unexpected),
    )
    return unexpected
  }
}

function describe(failures: FailedRequest[]): string {
  const counts = new Map<string, number>()
  for (const { what } of failures) counts.set(what, (counts.get(what) ?? 0) + 1)
  const classes = [...counts].map(([what, count]) => `${count} ${what}`).join(', ')
  return `${failures.length} did: ${classes}; first: ${failures[0]?.method} ${failures[0]?.detail}`
}
