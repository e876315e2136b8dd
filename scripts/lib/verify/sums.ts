import { join } from 'node:path'
import { Stop } from '../cli/errors.ts'
import type { Arch } from '../fleet/images.ts'
import { executableName, sbomName } from '../image/artifacts.ts'

/** The checksums of a release's executable and bill of materials: SHA-256 in hexadecimal. */
export interface Sums {
  executable: string
  sbom: string
}

/** Of what scripts/build left in the folder `dist`. */
export const sumsIn = async (dist: string, arch: Arch): Promise<Sums> => ({
  executable: await sha256Of(join(dist, executableName(arch))),
  sbom: await sha256Of(join(dist, sbomName(arch))),
})

/** The SHA-256 of a file, in hexadecimal. Throws `Stop` when there is none. */
export async function sha256Of(path: string): Promise<string> {
  const file = Bun.file(path)
  if (!(await file.exists())) throw new Stop(`there is no ${path}`)
  const hasher = new Bun.CryptoHasher('sha256')
  for await (const chunk of file.stream()) hasher.update(chunk)
  return hasher.digest('hex')
}

/** A checksum short enough for a line. */
export const short = (sha256: string): string => sha256.slice(0, 12)
