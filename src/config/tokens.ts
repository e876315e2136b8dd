import { timingSafeEqual } from 'node:crypto'
import { name } from '../../package.json'

export const SCOPES = ['read', 'write'] as const
export type Scope = (typeof SCOPES)[number]

/** A configured token: its scope and its SHA-256. */
export interface TokenHash {
  scope: Scope
  sha256: Buffer
}

const TOKEN_BYTES = 32
const ENTRY_PATTERN = /^(read|write):([0-9a-f]{64})$/

/** The entries of `list`, `scope:sha256hex` separated by commas or white space; undefined when one is malformed, or there is none. */
export function parseTokenHashes(list: string): TokenHash[] | undefined {
  const entries = list.split(/[\s,]+/).filter(Boolean)
  const hashes = entries.flatMap((entry) => {
    const [, scope, hex] = ENTRY_PATTERN.exec(entry) ?? []
    return scope && hex ? [{ scope: scope as Scope, sha256: Buffer.from(hex, 'hex') }] : []
  })
  return hashes.length === entries.length && hashes.length > 0 ? hashes : undefined
}

/** A new random token and the entry that configures it. */
export function createToken(scope: Scope): { token: string; entry: string } {
  const token = `${name.replaceAll('-', '_')}_${crypto.getRandomValues(Buffer.alloc(TOKEN_BYTES)).toString('base64url')}`
  return { token, entry: `${scope}:${Bun.SHA256.hash(token, 'hex')}` }
}

/** The scope of `token`, compared in constant time. */
export function scopeOf(token: string, hashes: readonly TokenHash[]): Scope | undefined {
  const presented = Bun.SHA256.hash(token)
  let found: Scope | undefined
  for (const { scope, sha256 } of hashes) {
    if (timingSafeEqual(presented, sha256) && found !== 'write') found = scope
  }
  return found
}
