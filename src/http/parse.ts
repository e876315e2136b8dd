import type { z } from 'zod'
import type { Invalid, Problem } from './problem.ts'

/** A body of 16 KiB can be wrong in a thousand places; whoever wrote it mends a few at a time. */
const ERRORS_MAX = 5
const POINTER_CHARS = 100

/** Parses `input` with `schema`; throws `problem` with the first errors, where each is, and how many more there are. */
export function parsed<T extends z.ZodType>(
  schema: T,
  input: unknown,
  problem: (errors: Invalid[]) => Problem,
  where: (path: PropertyKey[]) => Pick<Invalid, 'pointer' | 'parameter'>,
): z.output<T> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const errors = result.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...issue.path, key], detail: 'no such property' }))
      : [{ path: issue.path, detail: issue.message }],
  )
  const first = errors
    .slice(0, ERRORS_MAX)
    .map(({ path, detail }) => ({ ...where(path), detail }) as Invalid)
  const more = errors.length - first.length
  throw problem(more > 0 ? [...first, { detail: `and ${more} more` }] : first)
}

/** RFC 6901; a long one is cut. */
export function jsonPointer(path: PropertyKey[]): string {
  const steps = path.map(
    (key) =>
      `/${String(key)
        .slice(0, POINTER_CHARS + 1)
        .replaceAll('~', '~0')
        .replaceAll('/', '~1')}`,
  )
  const pointer = steps.join('')
  return pointer.length > POINTER_CHARS ? `${pointer.slice(0, POINTER_CHARS)}…` : pointer
}
