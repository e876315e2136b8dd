import { Hono } from 'hono'
import { type AppEnv, answerJson } from '../answer.ts'
import type { AppDependencies } from '../app.ts'

/** What the load balancer asks. Never the store: see health.ts. */
export function healthRoutes({ health }: Pick<AppDependencies, 'health'>): Hono<AppEnv> {
  return new Hono<AppEnv>().get('/hc', (c) =>
    answerJson(c, { status: health.status }, health.status === 'ok' ? 200 : 503),
  )
}
