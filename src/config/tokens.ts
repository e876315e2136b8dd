import { timingSafeEqual } from 'node:crypto'
import { name } from '../../package.json'

export const SCOPES = ['read', 'write'] as const
export type Scope = (typeof SCOPES)[number]

/** A configured token: its scope and its SHA-256, and what it is called and when it was made, where the entry says so. */
export interface TokenHash {
  scope: Scope
  sha256: Buffer
  label?: string
  madeOn?: string
}

const TOKEN_BYTES = 32
/** What an entry's label may be. */
export const LABEL = { pattern: /^[\w.-]{1,64}$/, wants: 'up to 64 letters, digits and . _ -' }

const ENTRY_PATTERN = /^(read|write):([0-9a-f]{64})(?::([\w.-]{1,64})(?::(\d{4}-\d\d-\d\d))?)?$/

/**
 * The entries of `list`, `scope:sha256hex`, `scope:sha256hex:label` or `scope:sha256hex:label:date`, separated by commas
 * or white space; undefined when one is malformed, or there is none. Throws when one has a date that is no day, or a token
 * comes twice.
 */
export function parseTokenHashes(list: string): TokenHash[] | undefined {
  const entries = list.trim().split(/\s*,\s*|\s+/)
  const hashes = entries.flatMap((entry, index): TokenHash[] => {
    const [, scope, hex, label, madeOn] = ENTRY_PATTERN.exec(entry) ?? []
    if (!scope || !hex) return []
    if (madeOn && !isDay(madeOn))
      throw new Error(`entry ${index + 1}: got the date ${madeOn}, expected a day`)
    return [
      {
        scope: scope as Scope,
        sha256: Buffer.from(hex, 'hex'),
        ...(label && { label }),
        ...(madeOn && { madeOn }),
      },
    ]
  })
  if (hashes.length < entries.length) return undefined
  const seen = new Set<string>()
  for (const [index, { sha256 }] of hashes.entries()) {
    if (seen.size === seen.add(sha256.toString('hex')).size)
      throw new Error(`entry ${index + 1}: got a token that is there before, expected each once`)
  }
  return hashes
}

function isDay(date: string): boolean {
  try {
    return Boolean(Temporal.PlainDate.from(date))
  } catch {
    return false
  }
}

/** A new random token and the entry that configures it; one with a label has today's date (UTC), too. */
export function createToken(scope: Scope, label?: string): { token: string; entry: string } {
  const token = `${name.replaceAll('-', '_')}_${crypto.getRandomValues(Buffer.alloc(TOKEN_BYTES)).toString('base64url')}`
  const named = label ? `:${label}:${Temporal.Now.plainDateISO('UTC')}` : ''
  return { token, entry: `${scope}:${Bun.SHA256.hash(token, 'hex')}${named}` }
}

/** The entry of `token`, compared in constant time. */
export function entryOf(token: string, hashes: readonly TokenHash[]): TokenHash | undefined {
  const presented = Bun.SHA256.hash(token)
  let found: TokenHash | undefined
  for (const each of hashes) {
    if (timingSafeEqual(presented, each.sha256)) found = each
  }
  return found
}

/**
 * What tells whether two hold the same secrets: 16 hexadecimal digits over the tokens, in any order and whatever they are
 * called, and the store's password. The hashes of the tokens keep a weak password from being guessed by it.
 */
export function fingerprintOf(
  tokens: readonly TokenHash[] | undefined,
  password: string | undefined,
): string {
  const entries = (tokens ?? []).map(({ scope, sha256 }) => `${scope}:${sha256.toString('hex')}`)
  return Bun.SHA256.hash(JSON.stringify([entries.sort(), password ?? '']), 'hex').slice(0, 16)
}
