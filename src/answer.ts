import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'
import type { AppDependencies } from './app.ts'

/** One request and what is known of its answer; every handler has it as `c.env`. */
export interface Exchange {
  readonly requestId: string
  readonly dependencies: Pick<AppDependencies, 'config' | 'health' | 'log'>
  /** The pattern that matched, so that no user name gets into the log or a metric. */
  route: string
  /** Bytes of the answer's body. */
  bytes: number
}

export type AppEnv = { Bindings: Exchange }
export type AppContext = Context<AppEnv>

/**
 * Every answer of the service is made here, with all its headers at once: a header that is added to a finished
 * answer costs several times as much.
 */
export function answer(
  c: AppContext,
  status: number,
  body: string | Uint8Array<ArrayBuffer> | null,
  headers: Record<string, string>,
): Response {
  const { env, req } = c
  const { config, health } = env.dependencies
  env.route = matchedRoutes(c)[0]?.path ?? 'none'
  const length = body === null ? 0 : Buffer.byteLength(body)
  if (req.raw.method === 'HEAD') headers['Content-Length'] = String(length)
  else env.bytes = length
  headers['X-Request-Id'] = env.requestId
  headers['X-Content-Type-Options'] = 'nosniff'
  if (config.tls) headers['Strict-Transport-Security'] = 'max-age=31536000'
  if (health.status === 'draining') headers.Connection = 'close'
  return new Response(body, { status, headers })
}

/** Answers with `value` as JSON, which no cache keeps. */
export function answerJson(c: AppContext, value: object, status = 200): Response {
  return answer(c, status, JSON.stringify(value), {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
  })
}
