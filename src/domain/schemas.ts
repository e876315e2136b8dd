import { z } from 'zod'
import { parseDate } from './birthday.ts'

/** Letters of any script, each with the combining marks that follow it. */
const USERNAME_PATTERN = /^(?:\p{L}\p{M}*){1,64}$/u

/** Before normalisation, whose cost grows with the square of a run of combining marks. */
const USERNAME_CHARS_MAX = 256

export const LETTERS = '1 to 64 letters of any script, and nothing else'

export const Username = z
  .string()
  .refine((name) => name.length <= USERNAME_CHARS_MAX, {
    error: `${LETTERS}, with at most ${USERNAME_CHARS_MAX} characters, marks included`,
    abort: true,
  })
  .normalize('NFC')
  .regex(USERNAME_PATTERN, { error: LETTERS, abort: true })
  // Unicode calls some of them letters, such as U+3164, a blank.
  .refine(
    (name) => !/\p{Default_Ignorable_Code_Point}/u.test(name),
    `${LETTERS}, none of them invisible`,
  )
  .meta({
    description:
      '1 to 64 letters of any script, none of them invisible; combining marks may follow a letter.',
  })

const DateOfBirth = z
  .string({ error: ({ input }) => (input === undefined ? 'missing' : 'a date, YYYY-MM-DD') })
  .meta({ format: 'date', description: 'A date before today.', examples: ['1815-12-10'] })
  .transform((text, context) => {
    const date = parseDate(text)
    if (date) return date
    context.addIssue('a calendar date, YYYY-MM-DD, year 0001 or later')
    return z.NEVER
  })

export const Birthday = z.strictObject(
  { dateOfBirth: DateOfBirth },
  { error: (issue) => (issue.code === 'invalid_type' ? 'an object with dateOfBirth' : undefined) },
)

export const Greeting = z.strictObject({ message: z.string() }).meta({
  examples: [{ message: 'Hello, Ada! Your birthday is in 5 day(s)' }],
})
