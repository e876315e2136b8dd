import type { Config } from '../config/config.ts'
import type { Health } from '../health.ts'
import type { Release } from '../release.ts'
import type { AppContext } from './exchange.ts'
import type { Problem } from './problem.ts'

/** Builds every response of the service. */
export interface Responder {
  /** Responds with `body`; a `headers` object is used up. */
  send(
    c: AppContext,
    status: number,
    body: string | Uint8Array<ArrayBuffer> | null,
    headers: Record<string, string>,
  ): Response
  /** Responds with `value` as JSON that must not be cached. */
  json(c: AppContext, value: object, status?: number): Response
  /** Responds with a problem document. */
  problem(c: AppContext, problem: Problem): Response
}

/** All headers are set at once: adding a header to a finished response costs several times as much. */
export function createResponder({
  config,
  health,
  release,
}: {
  config: Pick<Config, 'instanceId' | 'tls'>
  health: Health
  release: Release
}): Responder {
  const send: Responder['send'] = ({ env, req }, status, body, headers) => {
    const length = body === null ? 0 : Buffer.byteLength(body)
    if (req.raw.method !== 'HEAD') env.bytes = length
    else if (body !== null) headers['Content-Length'] = String(length)
    headers['X-Request-Id'] = env.requestId
    // Let a rollout's probe tell apart the releases that serve side by side, and two images of one release.
    headers['X-Release'] = release.id
    headers['X-Instance'] = config.instanceId
    headers['X-Content-Type-Options'] = 'nosniff'
    if (config.tls) headers['Strict-Transport-Security'] = 'max-age=31536000'
    if (health.status === 'draining') headers.Connection = 'close'
    return new Response(body, { status, headers })
  }
  return {
    send,
    json: (c, value, status = 200) =>
      send(c, status, JSON.stringify(value), {
        'Content-Type': 'application/json',
        'Cache-Control': 'no-store',
      }),
    problem: (c, problem) =>
      send(c, problem.status, JSON.stringify(problem.document(c.env.requestId)), {
        'Content-Type': 'application/problem+json',
        'Cache-Control': 'no-store',
        ...problem.extra.headers,
      }),
  }
}
