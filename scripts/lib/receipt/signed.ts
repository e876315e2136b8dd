import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { Stop } from '../cli/errors.ts'
import { service } from '../service.ts'
import { amiArtifact, type Envelope, open, STATEMENT_TYPE, seal } from './envelope.ts'
import type { Receipt } from './receipt.ts'

const PREDICATE_TYPE = `urn:${service.name}:rollout-receipt`

const Statement = z.object({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.tuple([z.object({ name: z.string(), digest: z.object({ sha256: z.string() }) })]),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.looseObject({ verdict: z.string(), release: z.string(), ami: z.string() }),
})

/** Where the signed receipt is: beside the one at `path`, which ends with .json. */
export const signedPath = (path: string): string => path.replace(/(\.json)?$/, '.intoto.json')

/** The receipt as a signed in-toto statement about the AMI that was rolled out. Throws `Stop` if AWS did not tell the AMI. */
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
