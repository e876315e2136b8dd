import { Hono } from 'hono'
import type { Config } from './config.ts'
import type { Health } from './health.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { observe } from './middleware/observe.ts'
import { answerProblem, onError, Problem } from './problem.ts'
import type { Release } from './release.ts'
import { healthRoutes } from './routes/health.ts'
import { helloRoutes } from './routes/hello.ts'
import { pageRoutes } from './routes/pages.ts'
import { versionRoutes } from './routes/version.ts'
import type { Store } from './store/store.ts'

export interface AppDependencies {
  config: Pick<
    Config,
    'environment' | 'instance' | 'timeZone' | 'tokens' | 'requestTimeoutSeconds' | 'tls'
  >
  release: Release
  store: Store
  health: Health
  log: Log
  metrics: Metrics
}

/** What each request carries on its way. */
export interface AppEnv {
  Variables: {
    requestId: string
    log: Log
    /** Bytes of the answer's body, for the access log. */
    bytes: number
  }
}

/** The service as a function of its dependencies; nothing is opened here. */
export function createApp(dependencies: AppDependencies): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  app.use(observe(dependencies))
  app.route('/', helloRoutes(dependencies))
  app.route('/', healthRoutes(dependencies))
  app.route('/', versionRoutes(dependencies))
  app.route('/', pageRoutes(dependencies))
  app.notFound((c) =>
    answerProblem(c, new Problem('unknown-path', `There is no ${c.req.path} here.`)),
  )
  app.onError(onError)
  return app
}
