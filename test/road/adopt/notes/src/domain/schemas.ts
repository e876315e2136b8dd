import { z } from 'zod'

export const Title = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,63}$/, 'lower-case letters, digits and hyphens, 64 at most')

export const Note = z
  .strictObject(
    { text: z.string('a text').min(1, 'some text').max(2000, 'at most 2,000 characters') },
    { error: (issue) => (issue.code === 'invalid_type' ? 'an object with a text' : undefined) },
  )
  .meta({ examples: [{ text: 'milk, bread' }] })
