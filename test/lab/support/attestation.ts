import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { TAG } from '../../../scripts/lib/fleet/tags.ts'
import { keptAt } from '../../../scripts/lib/provenance/kept.ts'
import {
  type Build,
  describeBuild,
  type Statement,
} from '../../../scripts/lib/provenance/statement.ts'
import { amiArtifact, seal } from '../../../scripts/lib/receipt/envelope.ts'
import { service } from '../../../scripts/lib/service.ts'
import { accountOf } from '../aws-double/account.ts'
import type { ControlPlane } from '../aws-double/control-plane.ts'

export const BUILDER = 'https://example.com/bake'
/** The AMI that images are made from. */
export const SOURCE = 'ami-05a5a5a5a5a5a5a5a'
export const KEYS = generateKeyPairSync('ed25519')

/** An entry of scripts/trusted-builders.json. */
export const entryOf = (builder: string, key: KeyObject) => ({
  builder,
  key: key.export({ type: 'spki', format: 'pem' }),
})

/** Another one, of a key that signs receipts. */
export const receiptsOf = (key: KeyObject) => ({
  receipts: 'whoever rolls out',
  key: key.export({ type: 'spki', format: 'pem' }),
})

/** Has the project in `folder` trust these builders: BUILDER, unless others are given. */
export const trust = async (
  folder: string,
  entries: object[] = [entryOf(BUILDER, KEYS.publicKey)],
): Promise<void> =>
  void (await Bun.write(join(folder, 'scripts/trusted-builders.json'), JSON.stringify(entries)))

const sha256 = (text: string) => new Bun.CryptoHasher('sha256').update(text).digest('hex')

/**
 * The statement that BUILDER made an image of the double, compatible with another one there, but for what `other` says. It
 * gives the image's tags the checksums.
 */
export function stated(
  { images }: ControlPlane,
  ami: string,
  other: Partial<Build> = {},
): Statement {
  const image = images.get(ami)
  if (!image) throw new Error(`there is no image ${ami}`)
  const { release = '' } = image.tags
  const compatibleWith = [...images.values()].find((each) => each !== image)?.tags.release ?? ''
  const executable = `${service.name}-linux-${image.architecture.replace('x86_64', 'x64')}`
  image.tags.executable = sha256(`executable of ${release}`)
  image.tags.sbom = sha256(`bill of materials of ${release}`)
  image.tags[TAG.source] = SOURCE
  return describeBuild({
    builder: BUILDER,
    commit: release,
    parameters: compatibleWith ? { compatibleWith } : {},
    materials: [amiArtifact(SOURCE)],
    artifacts: [
      { name: executable, sha256: image.tags.executable },
      { name: `${executable}.cdx.json`, sha256: image.tags.sbom },
      amiArtifact(ami),
    ],
    finishedAt: new Date(),
    ...other,
  })
}

/** Keeps a statement about an image of the double where a deploy looks for it, signed with BUILDER's key or another. */
export function attest(
  plane: ControlPlane,
  ami: string,
  statement = stated(plane, ami),
  key = KEYS.privateKey,
): void {
  accountOf(plane).values.set(keptAt(ami), JSON.stringify(seal(statement, key)))
}
