import { Hono } from 'hono'
import type { AppDependencies, AppEnv } from '../context.ts'
import { respondJson } from '../http/respond.ts'

/** The load balancer's health check. Never asks the store: see health.ts. */
export function healthRoutes({ health }: Pick<AppDependencies, 'health'>): Hono<AppEnv> {
  return new Hono<AppEnv>().get('/hc', (c) =>
    respondJson(c, { status: health.status }, health.status === 'ok' ? 200 : 503),
  )
}
