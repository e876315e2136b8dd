import { Hono } from 'hono'
import { getPath } from 'hono/utils/url'
import type { AppDependencies, AppEnv } from './context.ts'
import { instrumented } from './http/instrument.ts'
import { notFound } from './http/not-found.ts'
import { onError } from './http/problem.ts'
import { healthRoutes } from './routes/health.ts'
import { helloRoutes } from './routes/hello.ts'
import { pageRoutes } from './routes/pages.ts'
import { versionRoutes } from './routes/version.ts'

/** The service as a function of its dependencies; nothing is opened here. */
export function createApp(dependencies: AppDependencies): (request: Request) => Promise<Response> {
  const app = new Hono<AppEnv>({ getPath: pathOf })
  app.route('/', helloRoutes(dependencies))
  app.route('/', healthRoutes(dependencies))
  app.route('/', versionRoutes(dependencies))
  app.route('/', pageRoutes(dependencies))
  app.notFound(notFound(app))
  app.onError(onError)
  return instrumented(app, dependencies)
}

/** Without a usable Host, as HTTP/1.0 allows, Bun's URL is only the path; Hono expects a full URL. */
function pathOf(request: Request): string {
  return request.url.startsWith('/')
    ? getPath(new Request(`http://host${request.url}`))
    : getPath(request)
}
