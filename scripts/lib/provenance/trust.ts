import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { Stop } from '../cli/errors.ts'
import { readJson } from '../cli/files.ts'
import { parsePublicKey } from '../receipt/envelope.ts'
import { root } from '../service.ts'

/** Whose images may be deployed, and whose receipts are believed; committed, so that changing it is a change like any other. */
export const TRUSTED_BUILDERS = join(root, 'scripts/trusted-builders.json')

/** A workflow as the certificate of its attestations names it: a file at a branch or tag. */
const WORKFLOW = /^https:\/\/github\.com\/[^/]+\/[^/]+\/\.github\/workflows\/[^/@]+@refs\/.+$/

const Builder = z.string().min(1)

/** A private key would pass for a public one, and be committed. */
const PUBLIC_KEY = /^-----BEGIN PUBLIC KEY-----\n/

const PublicKey = z.string().regex(PUBLIC_KEY)

const Entries = z.array(
  z.union([
    z.strictObject({ builder: Builder, key: PublicKey }),
    z.strictObject({ receipts: z.string().min(1), key: PublicKey }),
    z.strictObject({
      builder: Builder.regex(WORKFLOW),
      github: z.string().regex(/^[^/\s]+\/[^/\s]+$/),
    }),
  ]),
)

/** Somebody whose images may be deployed, and how their statements are verified. */
export type TrustedBuilder = {
  /** A URI, as statements name it. */
  builder: string
} & (
  | { /** Their public key. */ key: KeyObject }
  | {
      /** The repository, as OWNER/NAME, in which GitHub keeps their attestations. */ github: string
    }
)

/** The builders in scripts/trusted-builders.json, or another file. Throws `Stop` when it cannot be read as such. */
export function readTrustedBuilders(path = TRUSTED_BUILDERS): TrustedBuilder[] {
  return parse(path).flatMap((entry, index): TrustedBuilder[] => {
    if ('receipts' in entry) return []
    if ('github' in entry) return [entry]
    return [{ builder: entry.builder, key: parsePublicKey(entry.key, placeOf(path, index)) }]
  })
}

/** The keys of those who roll out, whose receipts are believed, from the same file. They vouch for no image. */
export const readReceiptKeys = (path = TRUSTED_BUILDERS): KeyObject[] =>
  parse(path).flatMap((entry, index) =>
    'receipts' in entry ? [parsePublicKey(entry.key, placeOf(path, index))] : [],
  )

const placeOf = (path: string, index: number): string => `${path}, entry ${index + 1}`

function parse(path: string): z.infer<typeof Entries> {
  const { success, data, error } = Entries.safeParse(readJson(path))
  if (success) return data
  const { path: where = [] } = error.issues[0] ?? {}
  const what = where.length > 0 ? `entry ${Number(where[0]) + 1}` : 'the content'
  throw new Stop(
    `${path}: ${what} is no trusted builder, expected { "builder": URI, "key": PUBLIC KEY IN PEM }, { "receipts": NAME, "key": PUBLIC KEY IN PEM } or { "builder": "https://github.com/OWNER/NAME/.github/workflows/FILE@refs/heads/BRANCH", "github": "OWNER/NAME" }`,
  )
}
