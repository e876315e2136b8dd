import { Hono } from 'hono'
import type { Metrics } from './telemetry/metrics.ts'

/** Endpoints for operators and Prometheus, on a separate listener that only this machine can reach. */
export function createAdminApp(store: { ping(): Promise<void> }, metrics: Metrics): Hono {
  return new Hono()
    .get('/metrics', async (c) =>
      c.text(await metrics.text(), 200, {
        'Content-Type': 'text/plain; version=0.0.4; charset=utf-8',
      }),
    )
    .get('/ready', async (c) => {
      try {
        await store.ping()
        return c.json({ status: 'ready' })
      } catch (error) {
        return c.json({ status: 'not ready', reason: (error as Error).message }, 503)
      }
    })
    .notFound((c) => c.json({ status: 'not found', paths: ['/metrics', '/ready'] }, 404))
}
