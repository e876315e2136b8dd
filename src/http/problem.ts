import type { ErrorHandler } from 'hono'
import type { z } from 'zod'
import { name } from '../../package.json'
import type { AppContext, AppEnv } from '../context.ts'
import { StoreUnavailable } from '../store/key-value.ts'
import { respond } from './respond.ts'

/** RFC 9457: every error the service answers with, and nothing else. */
const PROBLEMS = {
  'malformed-json': [400, 'The body is not JSON'],
  'incomplete-body': [400, 'The body is incomplete'],
  'invalid-username': [400, 'The user name is not valid'],
  'invalid-birthday': [400, 'The birthday is not valid'],
  unauthorized: [401, 'A token is required'],
  forbidden: [403, 'The token does not allow this'],
  'unknown-user': [404, 'No birthday is stored for this user'],
  'unknown-path': [404, 'There is nothing at this path'],
  'method-not-allowed': [405, 'The path does not allow this method'],
  'request-timeout': [408, 'The body took too long to arrive'],
  'body-too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The body is not application/json'],
  'internal-error': [500, 'Something went wrong'],
  'store-unavailable': [503, 'The store does not answer'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemType = keyof typeof PROBLEMS

export interface Invalid {
  pointer?: string
  parameter?: string
  detail: string
}

/** A request that cannot be served as asked; thrown anywhere, answered by `onError`. */
export class Problem extends Error {
  constructor(
    readonly type: ProblemType,
    readonly detail: string,
    readonly extra: { errors?: Invalid[]; headers?: Record<string, string> } = {},
  ) {
    super(detail)
  }
}

/** The problem types, as status and title, for the OpenAPI document. */
export const problemTypes: Readonly<Record<ProblemType, readonly [number, string]>> = PROBLEMS

/** Answers with a problem document. */
export function respondProblem(c: AppContext, { type, detail, extra }: Problem): Response {
  const [status, title] = PROBLEMS[type]
  const body = JSON.stringify({
    type: `urn:${name}:problem:${type}`,
    title,
    status,
    detail,
    instance: c.env.requestId,
    ...(extra.errors && { errors: extra.errors }),
  })
  return respond(c, status, body, {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    ...extra.headers,
  })
}

/** Turns an exception into a problem; an unexpected one is logged in full and answered with a fixed sentence. */
export const onError: ErrorHandler<AppEnv> = (error, c) => {
  if (error instanceof Problem) return respondProblem(c, error)
  const { requestId, dependencies } = c.env
  if (error instanceof StoreUnavailable) {
    dependencies.log.warn({
      event: 'store-unavailable',
      requestId,
      reason: error.message,
    })
    return respondProblem(
      c,
      new Problem('store-unavailable', 'The store did not answer in time; try again shortly.', {
        headers: { 'Retry-After': '1' },
      }),
    )
  }
  dependencies.log.error({ event: 'internal-error', requestId, err: error })
  return respondProblem(
    c,
    new Problem('internal-error', 'The service failed; the request id is in its log.'),
  )
}

/** Parses `input` with `schema`; throws `problem` with every error and its location. */
export function parsed<T extends z.ZodType>(
  schema: T,
  input: unknown,
  problem: (errors: Invalid[]) => Problem,
  where: (path: PropertyKey[]) => Pick<Invalid, 'pointer' | 'parameter'>,
): z.output<T> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  throw problem(
    result.error.issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ ...where([...issue.path, key]), detail: 'no such property' }))
        : [{ ...where(issue.path), detail: issue.message }],
    ),
  )
}
