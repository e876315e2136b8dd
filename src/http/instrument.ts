import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { AppEnv, Exchange } from './exchange.ts'

/** Callers may supply their own request id, as long as it is safe to log. */
const REQUEST_ID_PATTERN = /^[\w\-=]{1,255}$/

/** As the load balancer writes it: `Root=1-67891233-abcdef012345678912345678`, with fields before and after. */
const TRACE_ID_PATTERN = /^[\w\-=;:.]{1,255}$/

/**
 * Wraps `app`, giving every request an id, a log line and a count in the metrics.
 * Not a middleware of the app: that would cost each request two more asynchronous calls.
 */
export function instrumented(
  app: { fetch(request: Request, env: AppEnv['Bindings']): Response | Promise<Response> },
  { log, metrics }: { log: Log; metrics: Metrics },
): (request: Request) => Promise<Response> {
  return async function instrumented(request) {
    const start = performance.now()
    const requestId = matching(request, 'x-request-id', REQUEST_ID_PATTERN) ?? crypto.randomUUID()
    const exchange: Exchange = { requestId, route: 'none', token: undefined, bytes: 0 }
    const response = await app.fetch(request, exchange)

    const milliseconds = performance.now() - start
    const { method } = request
    const { status } = response
    const { route, token, bytes } = exchange
    metrics.request(method, route, status, milliseconds / 1000)
    // Good health checks arrive every few seconds for ever, and the metrics count them.
    const level = route === '/hc' && status === 200 ? 'debug' : 'info'
    log.request(level, {
      requestId,
      traceId: matching(request, 'x-amzn-trace-id', TRACE_ID_PATTERN),
      method,
      route,
      token,
      status,
      durationMs: Math.round(milliseconds * 1000) / 1000,
      bytes,
    })
    return response
  }
}

/** The header, undefined when it is not as `pattern` says: what gets into the log is short and plain. */
function matching({ headers }: Request, header: string, pattern: RegExp): string | undefined {
  const given = headers.get(header)
  return given && pattern.test(given) ? given : undefined
}
