import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { Stop } from '../cli/errors.ts'
import { readNamed } from '../cli/files.ts'
import type { Arch } from '../fleet/images.ts'
import type { Artifact } from '../receipt/envelope.ts'
import { service } from '../service.ts'

/** The name of the executable for an architecture, in dist and in statements, as scripts/build has it. */
export const executableName = (arch: string): string => `${service.name}-linux-${arch}`

/** The name of its bill of materials there. */
export const sbomName = (arch: string): string => `${executableName(arch)}.cdx.json`

/** The Bun that scripts/build puts into an executable, and no other. */
const BUN_SUMS = 'scripts/lib/shell/bun.sha256'

/** The checksums of a release's executable and bill of materials: SHA-256 in hexadecimal. */
export interface Sums {
  executable: string
  sbom: string
}

/** Of what scripts/build left in the folder `dist`. Throws `Stop` when it is not there. */
export const sumsIn = (dist: string, arch: Arch): Sums => ({
  executable: sha256Of(readNamed(join(dist, executableName(arch)))),
  sbom: sha256Of(readNamed(join(dist, sbomName(arch)))),
})

/**
 * What goes into an executable beside the commit, by what files of the commit say: the lock file, with the checksums of all
 * packages, and Bun. `read` gives the content of such a file.
 */
export async function lockedMaterials(
  arch: Arch,
  read: (path: string) => Promise<Uint8Array> | Uint8Array,
): Promise<Artifact[]> {
  const bun = `bun-linux-${arch === 'arm64' ? 'aarch64' : arch}`
  const listed = new TextDecoder().decode(await read(BUN_SUMS))
  const sha256 = new RegExp(`^([0-9a-f]{64})  ${bun}$`, 'm').exec(listed)?.[1]
  if (!sha256) throw new Stop(`${BUN_SUMS} lists no ${bun}`)
  return [
    { name: 'bun.lock', sha256: sha256Of(await read('bun.lock')) },
    { name: bun, sha256 },
  ]
}

/** The SHA-256 of the bytes, in hexadecimal. */
export const sha256Of = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')

/** A checksum short enough for a line. */
export const shortSum = (sha256: string): string => sha256.slice(0, 12)
