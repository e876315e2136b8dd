/** `unknown`: it could not be looked at. */
export type Status = 'ok' | 'problem' | 'unknown'

/** One line of the result. */
export interface Finding {
  status: Status
  /** What the account really has, or why it could not be looked at. */
  text: string
  /** What to do; only of a problem, unless its text says so. */
  todo?: string
}

export const ok = (text: string): Finding => ({ status: 'ok', text })

export const problem = (text: string, todo: string): Finding => ({ status: 'problem', text, todo })

export const unknown = (text: string): Finding => ({ status: 'unknown', text })

/** The problems, or if there are none, that all is well. */
export const problemsOr = (problems: Finding[], well: string): Finding[] =>
  problems.length > 0 ? problems : [ok(well)]

/** `1 instance`, `2 instances`. */
export const count = (number: number, thing: string): string =>
  `${number} ${thing}${number === 1 ? '' : 's'}`
