import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { z } from 'zod'
import { Stop } from '../cli/errors.ts'
import { readNamed } from '../cli/files.ts'

/** What every in-toto statement is, whatever it states. */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'

/** An artifact, by its checksum in hexadecimal. */
export interface Artifact {
  name: string
  sha256: string
}

/**
 * An AMI as an artifact. It has no checksum; its id stands for it, since AWS never changes what an id refers to. The
 * checksum is that of the id: `printf %s ami-… | sha256sum`.
 */
export function amiArtifact(ami: string): Artifact {
  return { name: ami, sha256: createHash('sha256').update(ami).digest('hex') }
}

const PAYLOAD_TYPE = 'application/vnd.in-toto+json'

const Envelope = z.object({
  payloadType: z.literal(PAYLOAD_TYPE),
  payload: z.base64(),
  signatures: z.array(z.object({ keyid: z.string().optional(), sig: z.base64() })).min(1),
})

/** A signed in-toto statement: a DSSE envelope, https://github.com/secure-systems-lab/dsse. */
export type Envelope = z.infer<typeof Envelope>

/** A private key from a PEM file, Ed25519 or ECDSA on P-256. Throws `Stop` for anything else. */
export function readPrivateKey(path: string): KeyObject {
  const pem = readNamed(path)
  return suitable(path, () => createPrivateKey(pem))
}

/** A public key from a text in PEM, found at `place`. Throws `Stop` as `readPrivateKey`. */
export const parsePublicKey = (pem: string, place: string): KeyObject =>
  suitable(place, () => createPublicKey(pem))

function suitable(place: string, parse: () => KeyObject): KeyObject {
  let key: KeyObject
  try {
    key = parse()
  } catch (error) {
    throw new Stop(`${place}: ${(error as Error).message}, expected a key in PEM`)
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'ed25519' || (type === 'ec' && details?.namedCurve === 'prime256v1')) return key
  throw new Stop(`${place}: got a key of type ${type}, expected Ed25519 or ECDSA on P-256`)
}

/** What names a key: the SHA-256 of its public half (SPKI, DER), in hexadecimal. */
export function keyId(key: KeyObject): string {
  const half = key.type === 'private' ? createPublicKey(key) : key
  return createHash('sha256')
    .update(half.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}

export function seal(statement: object, key: KeyObject): Envelope {
  const payload = Buffer.from(JSON.stringify(statement))
  const sig = sign(hashFor(key), signedBytes(payload), key).toString('base64')
  return {
    payloadType: PAYLOAD_TYPE,
    payload: payload.toString('base64'),
    signatures: [{ keyid: keyId(key), sig }],
  }
}

/**
 * The statement in an envelope, once one of the `trusted` public keys has verified it. Throws `Stop` when none does, or
 * when it is no envelope of a statement.
 */
export const open = (envelope: unknown, trusted: KeyObject[]): unknown =>
  opened(envelope, trusted).statement

/** The same, and the key that verified it. */
export function opened(
  envelope: unknown,
  trusted: KeyObject[],
): { statement: unknown; key: KeyObject } {
  const { success, data } = Envelope.safeParse(envelope)
  if (!success) throw new Stop('this is no DSSE envelope with an in-toto statement')
  const payload = Buffer.from(data.payload, 'base64')
  const bytes = signedBytes(payload)
  // The key id is a hint that nobody signed: every trusted key is tried.
  const key = trusted.find((each) =>
    data.signatures.some(({ sig }) =>
      verify(hashFor(each), bytes, each, Buffer.from(sig, 'base64')),
    ),
  )
  if (!key) {
    // Nobody signed it, and it may be anything.
    const names = data.signatures.map(
      ({ keyid = '' }) => /^[0-9a-f]{12}/.exec(keyid)?.[0] ?? 'without a name',
    )
    throw new Stop(`the statement is not signed by a trusted key (its keys: ${names.join(', ')})`)
  }
  return { statement: JSON.parse(payload.toString()), key }
}

/** Ed25519 hashes by itself. */
const hashFor = (key: KeyObject) => (key.asymmetricKeyType === 'ed25519' ? null : 'sha256')

/** The pre-authentication encoding: what is signed instead of the payload alone. */
const signedBytes = (payload: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `),
    payload,
  ])
