import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { readNamed } from '../cli/files.ts'
import type { Arch } from '../fleet/images.ts'
import { service } from '../service.ts'

/** The name of the executable for an architecture, in dist and in statements, as scripts/build has it. */
export const executableName = (arch: string): string => `${service.name}-linux-${arch}`

/** The name of its bill of materials there. */
export const sbomName = (arch: string): string => `${executableName(arch)}.cdx.json`

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

/** The SHA-256 of the bytes, in hexadecimal. */
export const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** A checksum short enough for a line. */
export const shortSum = (sha256: string): string => sha256.slice(0, 12)
