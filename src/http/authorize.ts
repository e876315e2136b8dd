import { name } from '../../package.json'
import { entryOf, type Scope, type TokenHash } from '../config/tokens.ts'
import type { AppContext } from './exchange.ts'
import { Problem } from './problem.ts'

/**
 * Throws the problem 401 or 403 unless the request bears one of `tokens` with `scope`; write includes read.
 * Without `tokens` anybody may do anything. Notes the token's label for the log.
 */
export function authorize(
  c: AppContext,
  scope: Scope,
  tokens: readonly TokenHash[] | undefined,
): void {
  if (!tokens) return
  const [, token] = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? []
  if (!token) throw tokenMissing()
  const granted = entryOf(token, tokens)
  if (!granted) {
    throw refusal('unauthorized', 'The service does not know this token.', 'invalid_token')
  }
  c.env.token = granted.label
  if (scope === 'write' && granted.scope !== 'write') {
    throw scopeTooNarrow()
  }
}

export function tokenMissing(): Problem {
  return refusal('unauthorized', 'Send Authorization: Bearer with a token.')
}

export function scopeTooNarrow(): Problem {
  const detail = 'The token has the scope read; this requires write.'
  return refusal('forbidden', detail, 'insufficient_scope')
}

/** With the challenge of RFC 6750. */
function refusal(type: 'unauthorized' | 'forbidden', detail: string, error?: string): Problem {
  const challenge = `Bearer realm="${name}"${error ? `, error="${error}"` : ''}`
  return new Problem(type, detail, { headers: { 'WWW-Authenticate': challenge } })
}
