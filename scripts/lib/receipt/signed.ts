import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { Stop } from '../cli/errors.ts'
import { readJson } from '../cli/files.ts'
import { AmiId, GroupName, ReleaseId, Sha256, Timestamp } from '../fleet/forms.ts'
import { service } from '../service.ts'
import { amiArtifact, type Envelope, open, STATEMENT_TYPE, seal } from './envelope.ts'
import type { Receipt } from './receipt.ts'

const PREDICATE_TYPE = `urn:${service.name}:rollout-receipt`

/** What others go by in a receipt that names a release. */
const Content = z.looseObject({
  verdict: z.string().regex(/^[a-z ]{1,30}$/),
  group: GroupName,
  release: ReleaseId,
  launchTemplateVersion: z.int().positive().optional(),
  ami: AmiId.optional(),
  endedAt: Timestamp,
})

const Statement = z.object({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.tuple([z.object({ name: AmiId, digest: z.object({ sha256: Sha256 }) })]),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: Content.required({ ami: true }),
})

/** A receipt as it is in its file, which anybody may have edited. */
export interface Unverified {
  path: string
  content: Receipt & { release: string }
}

/** Reads a receipt of scripts/rollout, without believing it. Throws `Stop` when it is none that names a release. */
export function readReceipt(path: string): Unverified {
  const { success, data, error } = Content.safeParse(readJson(path))
  if (success) return { path, content: data as unknown as Receipt & { release: string } }
  const field = error.issues[0]?.path.join('.')
  throw new Stop(
    `${path} is no receipt of scripts/rollout that names a release${field && `: its ${field} is none`}`,
  )
}

/** Where the signed receipt is: beside the one at `path`, which ends with .json. */
export const signedPath = (path: string): string => path.replace(/(\.json)?$/, '.intoto.json')

/** The receipt as a signed in-toto statement about the AMI that was rolled out. Throws `Stop` if its AMI is unknown. */
export function signReceipt(receipt: Receipt, key: KeyObject): Envelope {
  const { ami, launchTemplateVersion: version = 'unknown' } = receipt
  if (!ami)
    throw new Stop(`the receipt is not signed: AWS did not tell the AMI of version ${version}`)
  const { name, sha256 } = amiArtifact(ami)
  return seal(
    {
      _type: STATEMENT_TYPE,
      subject: [{ name, digest: { sha256 } }],
      predicateType: PREDICATE_TYPE,
      predicate: receipt,
    },
    key,
  )
}

/** The receipt in an envelope that one of the `trusted` keys signed. Throws `Stop` if none did, or if it holds no receipt. */
export function openReceipt(envelope: unknown, trusted: KeyObject[]): Receipt & { ami: string } {
  const { success, data } = Statement.safeParse(open(envelope, trusted))
  if (!success) throw new Stop('what is signed is no receipt of a rollout')
  const { subject, predicate } = data
  const { name, sha256 } = amiArtifact(predicate.ami)
  if (subject[0].name !== name || subject[0].digest.sha256 !== sha256) {
    throw new Stop(`it is about ${subject[0].name}, and its receipt about ${name}`)
  }
  return predicate as unknown as Receipt & { ami: string }
}
