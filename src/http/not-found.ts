import type { Hono, NotFoundHandler } from 'hono'
import { TrieRouter } from 'hono/router/trie-router'
import type { AppEnv } from '../context.ts'
import { Problem, respondProblem } from './problem.ts'

/**
 * What answers when no route took a request: 405 with `Allow` when `app` knows the path for other methods, else 404.
 * Kept out of the way of requests that do have a route; call it when all routes are there.
 */
export function notFound(app: Hono<AppEnv>): NotFoundHandler<AppEnv> {
  const methods = new TrieRouter<string>()
  for (const { path, method } of app.routes) {
    methods.add('ALL', path, method)
    if (method === 'GET') methods.add('ALL', path, 'HEAD')
  }
  return (c) => {
    const [matches] = methods.match('ALL', c.req.path)
    const allowed = matches.map(([method]) => method)
    const allow = allowed.join(', ')
    return respondProblem(
      c,
      allow && !allowed.includes(c.req.method)
        ? new Problem('method-not-allowed', `This path takes ${allow}.`, {
            headers: { Allow: allow },
          })
        : new Problem('unknown-path', `There is no ${c.req.path} here.`),
    )
  }
}
