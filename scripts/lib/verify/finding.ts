import { explain } from '../aws/errors.ts'
import { Stop } from '../cli/errors.ts'

/** `unknown`: it could not be examined, or there was no answer; `not asked`: nobody wanted to know. */
export type Status = 'ok' | 'problem' | 'unknown' | 'not asked'

/** One line of a result. */
export interface Finding {
  status: Status
  /** What was examined and found, or why it was not. */
  text: string
  /** What to do about a problem, unless its text says so. */
  todo?: string
}

export const ok = (text: string): Finding => ({ status: 'ok', text })

export const problem = (text: string, todo?: string): Finding => ({
  status: 'problem',
  text,
  ...(todo && { todo }),
})

export const unknown = (text: string): Finding => ({ status: 'unknown', text })

export const notAsked = (why: string): Finding => ({ status: 'not asked', text: why })

/** The problems, or if there are none, that all is well. */
export const problemsOr = (problems: (Finding | string)[], well: string): Finding[] =>
  problems.length > 0
    ? problems.map((each) => (typeof each === 'string' ? problem(each) : each))
    : [ok(well)]

/** `1 instance`, `2 instances`. */
export const count = (number: number, thing: string): string =>
  `${number} ${thing}${number === 1 ? '' : 's'}`

/** What `work` returns; or a finding: what it refuses is a problem, and what nobody answers is unknown. */
export async function attempt<T>(
  work: () => Promise<T> | T,
): Promise<{ value: T; failure?: undefined } | { value?: undefined; failure: Finding }> {
  try {
    return { value: await work() }
  } catch (error) {
    if (error instanceof Stop) return { failure: problem(error.message) }
    return { failure: unknown(explain(error)) }
  }
}
