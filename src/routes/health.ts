import { Hono } from 'hono'
import { answerJson } from '../answer.ts'
import type { AppDependencies, AppEnv } from '../app.ts'
import { methodNotAllowed } from '../middleware/method-not-allowed.ts'

/** What the load balancer asks. Never the store: see health.ts. */
export function healthRoutes({ health }: Pick<AppDependencies, 'health'>): Hono<AppEnv> {
  return new Hono<AppEnv>()
    .get('/hc', (c) => answerJson(c, { status: health.status }, health.status === 'ok' ? 200 : 503))
    .all('/hc', methodNotAllowed('GET, HEAD'))
}
