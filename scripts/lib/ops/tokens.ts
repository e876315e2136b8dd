import {
  createToken,
  fingerprintOf,
  parseTokenHashes,
  SCOPES,
  type Scope,
} from '../../../src/config/tokens.ts'
import { Stop } from '../cli/errors.ts'
import type { Parameters } from './parameters.ts'

// MemoryDB and ElastiCache accept 16 to 128 characters; base64url has none that either forbids.
const PASSWORD_BYTES = 48

/** A password that both engines accept, too long to be guessed. */
export const newPassword = (): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(PASSWORD_BYTES))).toString('base64url')

/** A new token with its entry, and the label that names it in the log. */
export interface NewToken {
  scope: Scope
  label: string
  token: string
  entry: string
}

export const newToken = (scope: Scope, label: string): NewToken => ({
  scope,
  label,
  ...createToken(scope, label),
})

/** Prints a new token, which is kept nowhere. */
export const show = ({ scope, label, token }: NewToken): void =>
  console.log(`${scope.padEnd(5)} ${label} ${token}`)

const KNOWN = 'within five minutes, at once after scripts/ops reload'

/** Creates missing secrets and prints new tokens. */
export async function makeSecrets(parameters: Parameters): Promise<void> {
  const made = await parameters.create('redis-password', newPassword())
  console.log(`${parameters.path('redis-password')}: ${made ? 'created' : 'already exists'}`)

  const tokens = SCOPES.map((scope) => newToken(scope, scope))
  const list = tokens.map(({ entry }) => entry).join(',')
  if (!(await parameters.create('tokens', list))) {
    console.log(`${parameters.path('tokens')}: already exists; --add-token adds another token`)
    return
  }
  console.log(`${parameters.path('tokens')}: created. The tokens, shown only this once:`)
  tokens.forEach(show)
}

/** Adds a token with `scope` and prints it. */
export async function addToken(parameters: Parameters, scope: Scope, label: string): Promise<void> {
  const all = await entries(parameters)
  if (all.some((entry) => labelOf(entry) === label)) {
    throw new Stop(
      `there is a token labelled ${label} already: the log could not tell them apart. Choose another with --label`,
    )
  }
  const made = newToken(scope, label)
  await parameters.replace('tokens', [...all, made.entry].join(','))
  show(made)
  console.error(`shown only this once; known to every instance ${KNOWN}`)
}

/** Revokes one token: `named` is the token itself, or its hash, or the first digits of that. */
export async function revokeToken(parameters: Parameters, named: string): Promise<void> {
  const all = await entries(parameters)
  const hash = /^[0-9a-f]{4,64}$/.test(named) ? named : Bun.SHA256.hash(named, 'hex')
  const meant = all.filter((entry) => entry.split(':')[1]?.startsWith(hash))
  if (meant.length !== 1) {
    throw new Stop(
      `${meant.length === 0 ? 'no token has' : `${meant.length} tokens have`} a hash that begins with ${hash}; --list shows them`,
    )
  }
  if (all.length === 1) {
    throw new Stop(
      'it is the only token, and the service does not start without one: add another first',
    )
  }
  await parameters.replace('tokens', all.filter((entry) => entry !== meant[0]).join(','))
  console.log(`revoked ${meant[0]}; refused by every instance ${KNOWN}`)
}

/** Prints what exists: names, scopes, hashes, labels and dates. */
export async function listSecrets(parameters: Parameters): Promise<void> {
  const password = await parameters.read('redis-password')
  console.log(`${parameters.path('redis-password')}: ${password ? 'exists' : 'is missing'}`)
  const tokens = await parameters.read('tokens')
  console.log(`${parameters.path('tokens')}: ${tokens ? 'exists' : 'is missing'}`)
  for (const entry of tokens?.split(/[\s,]+/).filter(Boolean) ?? [])
    console.log(entry.replaceAll(':', ' '.repeat(2)))
}

/** The entries of the tokens. Throws `Stop` when there are none. */
export async function entries(parameters: Parameters): Promise<string[]> {
  const tokens = await parameters.read('tokens')
  if (tokens) return tokens.split(/[\s,]+/).filter(Boolean)
  throw new Stop(
    `${parameters.path('tokens')} does not exist in this region: run scripts/secrets first`,
  )
}

/** What names an entry's token in the log. */
export const labelOf = (entry: string): string | undefined => entry.split(':')[2]

/** What a worker with the secrets of the Parameter Store says of itself. */
export async function expectedFingerprint(parameters: Parameters): Promise<string> {
  const tokens = await parameters.read('tokens')
  const password = await parameters.read('redis-password')
  return fingerprintOf(parseTokenHashes(tokens ?? ''), password?.trim())
}
