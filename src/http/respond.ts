import { matchedRoutes } from 'hono/route'
import type { AppContext } from '../context.ts'

/**
 * Builds every response of the service, with all its headers at once: adding a header to a finished response costs
 * several times as much.
 */
export function respond(
  c: AppContext,
  status: number,
  body: string | Uint8Array<ArrayBuffer> | null,
  headers: Record<string, string>,
): Response {
  const { env, req } = c
  const { config, health, release } = env.dependencies
  env.route = matchedRoutes(c)[0]?.path ?? 'none'
  const length = body === null ? 0 : Buffer.byteLength(body)
  if (req.raw.method === 'HEAD') headers['Content-Length'] = String(length)
  else env.bytes = length
  headers['X-Request-Id'] = env.requestId
  // Lets a rollout's probe tell apart the releases that serve side by side.
  headers['X-Release'] = release.id
  headers['X-Content-Type-Options'] = 'nosniff'
  if (config.tls) headers['Strict-Transport-Security'] = 'max-age=31536000'
  if (health.status === 'draining') headers.Connection = 'close'
  return new Response(body, { status, headers })
}

/** Responds with `value` as JSON that must not be cached. */
export function respondJson(c: AppContext, value: object, status = 200): Response {
  return respond(c, status, JSON.stringify(value), {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
  })
}
