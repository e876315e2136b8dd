import { createToken, SCOPES, type Scope } from '../../../src/config/tokens.ts'
import { Stop } from '../cli/errors.ts'
import type { Parameters } from './parameters.ts'

// MemoryDB and ElastiCache accept 16 to 128 characters; base64url has none that either forbids.
const PASSWORD_BYTES = 48

/** Creates missing secrets and prints new tokens. */
export async function makeSecrets(parameters: Parameters): Promise<void> {
  const password = Buffer.from(crypto.getRandomValues(new Uint8Array(PASSWORD_BYTES)))
  const made = await parameters.create('redis-password', password.toString('base64url'))
  console.log(`${parameters.path('redis-password')}: ${made ? 'created' : 'already exists'}`)

  const tokens = SCOPES.map((scope) => ({ scope, ...createToken(scope) }))
  const list = tokens.map(({ entry }) => entry).join(',')
  if (!(await parameters.create('tokens', list))) {
    console.log(`${parameters.path('tokens')}: already exists; --add-token adds another token`)
    return
  }
  console.log(`${parameters.path('tokens')}: created. The tokens, shown only this once:`)
  for (const { scope, token } of tokens) console.log(`${scope.padEnd(5)} ${token}`)
}

/** Adds a token with `scope` and prints it. */
export async function addToken(parameters: Parameters, scope: Scope): Promise<void> {
  const { token, entry } = createToken(scope)
  await parameters.replace('tokens', [...(await entries(parameters)), entry].join(','))
  console.log(`${scope.padEnd(5)} ${token}`)
  console.error(
    'shown only this once; known to every instance within five minutes, at once after scripts/ops restart',
  )
}

/** Revokes the one token whose hash begins with `hash`. */
export async function revokeToken(parameters: Parameters, hash: string): Promise<void> {
  const all = await entries(parameters)
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
  console.log(
    `revoked ${meant[0]}; refused by every instance within five minutes, at once after scripts/ops restart`,
  )
}

/** Prints what exists: names, scopes and hashes. */
export async function listSecrets(parameters: Parameters): Promise<void> {
  const password = await parameters.read('redis-password')
  console.log(`${parameters.path('redis-password')}: ${password ? 'exists' : 'is missing'}`)
  const tokens = await parameters.read('tokens')
  console.log(`${parameters.path('tokens')}: ${tokens ? 'exists' : 'is missing'}`)
  for (const entry of tokens?.split(',') ?? []) console.log(entry.replace(':', ' '.repeat(2)))
}

async function entries(parameters: Parameters): Promise<string[]> {
  const tokens = await parameters.read('tokens')
  if (tokens) return tokens.split(',')
  throw new Stop(
    `${parameters.path('tokens')} does not exist in this region: run scripts/secrets first`,
  )
}
