import { type Context, Hono } from 'hono'
import { pathOf } from './http/routes.ts'
import type { Metrics } from './telemetry/metrics.ts'

const JSON_TYPE = 'application/json'

/** Endpoints for operators and Prometheus, on a separate listener that only this machine can reach. */
export function createAdminApp(store: { ping(): Promise<void> }, metrics: Metrics): Hono {
  return new Hono({ getPath: pathOf })
    .get('/metrics', async (c) =>
      send(c, 200, await metrics.text(), 'text/plain; version=0.0.4; charset=utf-8'),
    )
    .get('/ready', async (c) => {
      try {
        await store.ping()
        return send(c, 200, '{"status":"ready"}', JSON_TYPE)
      } catch (error) {
        const { message: reason } = error as Error
        return send(c, 503, JSON.stringify({ status: 'not ready', reason }), JSON_TYPE)
      }
    })
    .all('/:path{metrics|ready}', (c) => {
      c.header('Allow', 'GET, HEAD')
      return c.json({ status: 'method not allowed' }, 405)
    })
    .notFound((c) => c.json({ status: 'not found', paths: ['/metrics', '/ready'] }, 404))
}

/** With a length of its own: Bun would give a HEAD that of nothing. */
function send(c: Context, status: 200 | 503, body: string, type: string): Response {
  return c.body(body, status, {
    'Content-Type': type,
    'Content-Length': String(Buffer.byteLength(body)),
  })
}
