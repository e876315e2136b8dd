import type { KeyObject } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { BuiltRelease } from '../image/built-release.ts'
import type { Artifact } from '../receipt/envelope.ts'
import { type Envelope, seal } from '../receipt/envelope.ts'
import { describeBuild } from './statement.ts'

interface Origin {
  release: BuiltRelease
  arch: string
  image: Artifact
  /** Who baked it: a URI. */
  builder: string
  /** Undefined: somebody else signs. */
  key: KeyObject | undefined
}

/**
 * Writes the statement that `builder` made executable, bill of materials and image from the commit, signed to
 * dist/provenance/RELEASE-ARCH.intoto.json, otherwise to dist/provenance/RELEASE-ARCH.statement.json. Returns its path,
 * and if it is signed, the envelope.
 */
export function stateOrigin({ release, arch, image, builder, key }: Origin): {
  path: string
  envelope: Envelope | undefined
} {
  const statement = describeBuild({
    builder,
    commit: release.id,
    parameters: { arch },
    artifacts: [
      { name: basename(release.executable), sha256: release.sha256 },
      { name: basename(release.sbom), sha256: release.sbomSha256 },
      image,
    ],
    finishedAt: new Date(),
  })
  const folder = join(dirname(release.executable), 'provenance')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${release.id}-${arch}.${key ? 'intoto' : 'statement'}.json`)
  const envelope = key && seal(statement, key)
  writeFileSync(path, `${JSON.stringify(envelope ?? statement, null, 2)}\n`)
  return { path, envelope }
}
