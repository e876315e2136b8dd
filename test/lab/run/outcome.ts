/** How a job ended. */
export interface Outcome {
  passed: number
  failed: number
  skipped: number
  /** What was not tested, and why. */
  leftOut: string[]
  /** Nothing of it could run here. */
  missing?: true
  /** What a person has to see of a failure. */
  failure?: string
}

const NOTHING: Outcome = { passed: 0, failed: 0, skipped: 0, leftOut: [] }
/** Of one job. A run with many failures is still read from its end. */
const FAILURE_LINES = 80
const LINE_LENGTH = 500

export const missing = (reason: string): Outcome => ({
  ...NOTHING,
  skipped: 1,
  leftOut: [reason],
  missing: true,
})

export const broken = (failure: string): Outcome => ({ ...NOTHING, failed: 1, failure })

/** Of scripts/check. */
export const ofCheck = (code: number, log: string): Outcome =>
  code === 0 ? { ...NOTHING, passed: 1 } : broken(log.trimEnd())

/** Of `bun test`. */
export function ofTests(code: number, log: string): Outcome {
  const count = (what: string) =>
    Number([...log.matchAll(new RegExp(`^ *(\\d+) ${what}$`, 'gm'))].at(-1)?.[1] ?? 0)
  const outcome: Outcome = {
    passed: count('pass'),
    failed: count('fail'),
    skipped: count('skip'),
    leftOut: [...new Set([...log.matchAll(/^left out: (.*)$/gm)].map(([, what = '']) => what))],
  }
  if (code === 0) return outcome
  // A run that ended without a count crashed.
  if (outcome.failed === 0)
    return { ...outcome, ...broken(cut(log.trimEnd().split('\n').slice(-FAILURE_LINES))) }
  return { ...outcome, failure: cut(failuresIn(log)) }
}

/** The failed tests, each with its errors: what Bun says from the mark below the line that threw, or where it knows none. */
function failuresIn(log: string): string[] {
  const [tests = ''] = log.split(/^\d+ tests failed:$/m)
  const lines: string[] = []
  let inError = false
  let last = ''
  for (const line of tests.split('\n')) {
    const ends = line.startsWith('(fail)')
    inError ||= /^\w*error: /i.test(line) || /^ +\^$/.test(last)
    if (inError || ends || line.startsWith('  ^ ')) lines.push(line)
    if (ends) inError = false
    last = line
  }
  return lines
}

const cut = (lines: string[]) =>
  [
    ...lines.slice(0, FAILURE_LINES).map((line) => line.slice(0, LINE_LENGTH)),
    ...(lines.length > FAILURE_LINES ? [`… and ${lines.length - FAILURE_LINES} lines more`] : []),
  ].join('\n')
