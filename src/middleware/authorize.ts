import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from '../app.ts'
import { Problem } from '../problem.ts'
import { type Scope, scopeOf, type TokenHash } from '../tokens.ts'

/** Lets requests through that bear a token with `scope`; write includes read. Without `tokens`, all of them. */
export function authorize(
  scope: Scope,
  tokens: readonly TokenHash[] | undefined,
): MiddlewareHandler<AppEnv> {
  if (!tokens) return (_, next) => next()

  return async function authorize(c, next) {
    const [, token] = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? []
    if (!token) {
      throw new Problem('unauthorized', 'Send Authorization: Bearer and a token.', {
        headers: { 'WWW-Authenticate': 'Bearer realm="hello"' },
      })
    }
    const granted = scopeOf(token, tokens)
    if (!granted) {
      throw new Problem('unauthorized', 'The token is not one that this service knows.', {
        headers: { 'WWW-Authenticate': 'Bearer realm="hello", error="invalid_token"' },
      })
    }
    if (scope === 'write' && granted !== 'write') {
      throw new Problem('forbidden', 'The token has the scope read; this wants write.', {
        headers: {
          'WWW-Authenticate': 'Bearer realm="hello", error="insufficient_scope", scope="write"',
        },
      })
    }
    await next()
  }
}
