import { Hono } from 'hono'
import { getPath } from 'hono/utils/url'
import type { AppEnv } from './answer.ts'
import type { Config } from './config.ts'
import type { Health } from './health.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { notFound } from './not-found.ts'
import { observed } from './observe.ts'
import { onError } from './problem.ts'
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

/** The service as a function of its dependencies; nothing is opened here. */
export function createApp(dependencies: AppDependencies): (request: Request) => Promise<Response> {
  const app = new Hono<AppEnv>({ getPath: pathOf })
  app.route('/', helloRoutes(dependencies))
  app.route('/', healthRoutes(dependencies))
  app.route('/', versionRoutes(dependencies))
  app.route('/', pageRoutes(dependencies))
  app.notFound(notFound(app))
  app.onError(onError)
  return observed(app, dependencies)
}

/** Without a usable Host, as HTTP/1.0 allows, Bun gives the path alone for a URL, where Hono expects all of it. */
function pathOf(request: Request): string {
  return request.url.startsWith('/')
    ? getPath(new Request(`http://host${request.url}`))
    : getPath(request)
}
