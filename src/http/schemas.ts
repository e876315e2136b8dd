import { z } from 'zod'
import { parseDate } from '../birthday.ts'
import { USERNAME_PATTERN } from '../username.ts'

/** Requests and responses; validation and the OpenAPI document are both derived from these. */

export const Username = z
  .string()
  .normalize('NFC')
  .regex(USERNAME_PATTERN, '1 to 64 letters of any script, and nothing else')
  .meta({ description: '1 to 64 letters of any script; combining marks may follow a letter.' })

export const DateOfBirth = z
  .string('a date, YYYY-MM-DD')
  .refine(
    (text) => parseDate(text) !== undefined,
    'a calendar date, YYYY-MM-DD, year 0001 or later',
  )
  .meta({ format: 'date', description: 'A date before today.', examples: ['1815-12-10'] })

export const Birthday = z.strictObject({ dateOfBirth: DateOfBirth }, { error: objectError })

export const Greeting = z.strictObject({ message: z.string() }).meta({
  examples: [{ message: 'Hello, Ada! Your birthday is in 5 day(s)' }],
})

export const Health = z.strictObject({ status: z.enum(['ok', 'starting', 'draining']) })

export const Version = z.strictObject({
  version: z.string().meta({ description: 'The release: the git commit.' }),
  commit: z.string(),
  builtAt: z.string(),
  environment: z.string(),
  instance: z.string(),
  bun: z.string(),
})

export const ProblemDetails = z
  .strictObject({
    type: z.string().meta({ format: 'uri' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    instance: z.string().meta({ description: 'The id of the request.' }),
    errors: z
      .array(
        z.strictObject({
          pointer: z.string().optional(),
          parameter: z.string().optional(),
          detail: z.string(),
        }),
      )
      .optional(),
  })
  .meta({ description: 'RFC 9457 problem details.' })

function objectError(issue: z.core.$ZodRawIssue): string | undefined {
  return issue.code === 'invalid_type' ? 'an object with dateOfBirth' : undefined
}
