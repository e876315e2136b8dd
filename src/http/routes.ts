import { Hono } from 'hono'
import { TrieRouter } from 'hono/router/trie-router'
import { getPath } from 'hono/utils/url'
import type { AppContext, AppEnv } from './exchange.ts'
import { Problem } from './problem.ts'

export type Handler = (c: AppContext) => Response | Promise<Response>

/** Handlers by path and method. GET also serves HEAD. */
export type Routes = Record<string, Partial<Record<'GET' | 'PUT' | 'DELETE', Handler>>>

/** An app that serves `routes`, and for everything else fails with the problem 404, or 405 with `Allow`. */
export function createRouter(
  routes: Routes,
  onError: (error: Error, c: AppContext) => Response | Promise<Response>,
): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ getPath: pathOf })
  // Costs requests that match a route nothing.
  const paths = new TrieRouter<{ route: string; allow: string }>()
  for (const [route, handlers] of Object.entries(routes)) {
    const methods = Object.keys(handlers).flatMap((method) =>
      method === 'GET' ? ['GET', 'HEAD'] : [method],
    )
    paths.add('ALL', route, { route, allow: methods.join(', ') })
    for (const [method, handler] of Object.entries(handlers)) {
      app.on(method, route, (c) => {
        c.env.route = route
        return handler(c)
      })
    }
  }
  app.notFound((c) => {
    const [[[path] = []]] = paths.match('ALL', c.req.path) as unknown as [
      [{ route: string; allow: string }][],
    ]
    if (!path) throw unknownPath()
    c.env.route = path.route
    throw new Problem('method-not-allowed', `This path allows ${path.allow}.`, {
      headers: { Allow: path.allow },
    })
  })
  app.onError(onError)
  return app
}

/** The problem of a path that does not exist; it may hold a name, so it is not repeated. */
export function unknownPath(): Problem {
  return new Problem('unknown-path', 'There is nothing here; /docs has what there is.')
}

/** Without a usable Host, as HTTP/1.0 allows, Bun's URL is only the path; Hono expects a full URL. */
export function pathOf(request: Request): string {
  return request.url.startsWith('/')
    ? getPath(new Request(`http://host${request.url}`))
    : getPath(request)
}
