import type { AppDependencies, AppEnv, Exchange } from '../context.ts'

/** Callers may supply their own request id, as long as it is safe to log. */
const REQUEST_ID_PATTERN = /^[\w\-=]{1,255}$/

/**
 * Wraps `app`, giving every request an id, a log line and a count in the metrics.
 * Not a middleware of the app: that would cost each request two more asynchronous calls.
 */
export function instrumented(
  app: { fetch(request: Request, env: AppEnv['Bindings']): Response | Promise<Response> },
  dependencies: Pick<AppDependencies, 'config' | 'health' | 'log' | 'metrics' | 'release'>,
): (request: Request) => Promise<Response> {
  const { log, metrics } = dependencies

  return async function instrumented(request) {
    const start = performance.now()
    const given = request.headers.get('x-request-id')
    const requestId = given && REQUEST_ID_PATTERN.test(given) ? given : crypto.randomUUID()
    const exchange: Exchange = {
      requestId,
      dependencies,
      route: 'none',
      token: undefined,
      bytes: 0,
    }
    const response = await app.fetch(request, exchange)

    const milliseconds = performance.now() - start
    const { method } = request
    const { status } = response
    const { route, token, bytes } = exchange
    metrics.request(method, route, status, milliseconds / 1000)
    const traceId = request.headers.get('x-amzn-trace-id') ?? undefined
    // Good health checks arrive every few seconds for ever, and the metrics count them.
    const level = route === '/hc' && status === 200 ? 'debug' : 'info'
    log[level]({
      event: 'request',
      requestId,
      traceId,
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
