import type { Hono, NotFoundHandler } from 'hono'
import { TrieRouter } from 'hono/router/trie-router'
import type { AppEnv } from '../context.ts'
import { Problem, respondProblem } from './problem.ts'

/**
 * Answers requests that match no route: 405 with `Allow` when `app` has the path for other methods, else 404.
 * Costs requests that match a route nothing; call it after all routes are registered.
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
        ? new Problem('method-not-allowed', `This path allows ${allow}.`, {
            headers: { Allow: allow },
          })
        : new Problem('unknown-path', `There is no ${c.req.path} here.`),
    )
  }
}
