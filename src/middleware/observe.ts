import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { AppDependencies, AppEnv } from '../app.ts'

/** Callers may bring an id of their own, as long as it is one that a log line can hold. */
const REQUEST_ID_PATTERN = /^[\w\-=]{1,255}$/

/** Gives every request an id, security headers, a line in the log and its place in the metrics. */
export function observe({
  log,
  metrics,
  health,
  config,
}: Pick<AppDependencies, 'log' | 'metrics' | 'health' | 'config'>): MiddlewareHandler<AppEnv> {
  const transportSecurity = config.tls ? 'max-age=31536000' : undefined

  return async function observe(c, next) {
    const start = performance.now()
    const given = c.req.header('x-request-id')
    const requestId = given && REQUEST_ID_PATTERN.test(given) ? given : crypto.randomUUID()
    c.set('requestId', requestId)
    c.set('log', log)
    await next()

    const { headers, status } = c.res
    headers.set('X-Request-Id', requestId)
    headers.set('X-Content-Type-Options', 'nosniff')
    if (transportSecurity) headers.set('Strict-Transport-Security', transportSecurity)
    if (health.status === 'draining') headers.set('Connection', 'close')

    const milliseconds = performance.now() - start
    const route = routePath(c, -1)
    metrics.request(c.req.method, route, status, milliseconds / 1000)
    const traceId = c.req.header('x-amzn-trace-id')
    log.info({
      event: 'request',
      requestId,
      ...(traceId && { traceId }),
      method: c.req.method,
      route,
      status,
      durationMs: Math.round(milliseconds * 1000) / 1000,
      bytes: c.var.bytes ?? 0,
    })
  }
}
