import { name } from '../../package.json'
import { PROBLEMS as OF_THE_DOMAIN } from '../domain/terms.ts'

/** RFC 9457: every error the service answers with, and nothing else; each as status and title. */
const PROBLEMS = {
  ...OF_THE_DOMAIN,
  'malformed-json': [400, 'The body is not JSON'],
  'incomplete-body': [400, 'The body is incomplete'],
  unauthorized: [401, 'A token is required'],
  forbidden: [403, 'The token does not allow this'],
  'unknown-path': [404, 'There is nothing at this path'],
  'method-not-allowed': [405, 'The path does not allow this method'],
  'request-timeout': [408, 'The body took too long to arrive'],
  'body-too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The body is not plain application/json'],
  'internal-error': [500, 'Something went wrong'],
  'store-unavailable': [503, 'The store is not available'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemType = keyof typeof PROBLEMS

export interface Invalid {
  pointer?: string
  parameter?: string
  detail: string
}

/** A request that cannot be served as asked; thrown anywhere, and answered with a problem document. */
export class Problem extends Error {
  constructor(
    readonly type: ProblemType,
    readonly detail: string,
    readonly extra: { errors?: Invalid[]; headers?: Record<string, string> } = {},
  ) {
    super(detail)
  }

  get status(): number {
    return PROBLEMS[this.type][0]
  }

  /** The document that answers the request with the id `instance`. */
  document(instance: string) {
    const { type, detail, status, extra } = this
    const [, title] = PROBLEMS[type]
    const { errors } = extra
    return {
      type: `urn:${name}:problem:${type}`,
      title,
      status,
      detail,
      instance,
      ...(errors && { errors }),
    }
  }
}
