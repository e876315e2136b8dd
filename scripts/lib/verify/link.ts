import { explain } from '../aws/errors.ts'
import { Stop } from '../cli/errors.ts'

/** `not asked`: nobody wanted to know; `unknown`: there was no answer. */
export type Status = 'ok' | 'wrong' | 'not asked' | 'unknown'

export interface Finding {
  status: Status
  /** What was compared and found, or why it was not. */
  text: string
}

/** One link of the chain from the commit to the receipt. */
export interface Link extends Finding {
  name: string
}

export const ok = (text: string): Finding => ({ status: 'ok', text })

export const wrong = (text: string): Finding => ({ status: 'wrong', text })

export const notAsked = (why: string): Finding => ({ status: 'not asked', text: why })

/** The problems in one sentence, or if there are none, that it holds. */
export const problemsOr = (problems: string[], well: string): Finding =>
  problems.length > 0 ? wrong(problems.join('; ')) : ok(well)

/** What `look` returns, if it returns anything, and what `tell` makes of it. */
export async function lookFor<T>(
  look: () => Promise<T>,
  tell: (value: T) => Finding,
): Promise<{ value: T | undefined; finding: Finding }> {
  const found: { value: T | undefined } = { value: undefined }
  const finding = await findingOf(async () => {
    const value = await look()
    found.value = value
    return tell(value)
  })
  return { ...found, finding }
}

/** The link with what `look` finds; see `findingOf`. */
export const linkOf = async (
  name: string,
  look: () => Promise<Finding> | Finding,
): Promise<Link> => ({ name, ...(await findingOf(look)) })

/** What `look` finds. What it refuses is wrong; what nobody answers is unknown. */
export async function findingOf(look: () => Promise<Finding> | Finding): Promise<Finding> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof Stop) return wrong(error.message)
    return { status: 'unknown', text: explain(error) }
  }
}
