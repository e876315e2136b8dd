import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Stop } from '../cli/errors.ts'
import { git } from '../cli/git.ts'
import type { Arch } from '../fleet/images.ts'
import { executableName, sbomName, sha256Of } from './artifacts.ts'

export interface BuiltRelease {
  /** The full SHA of the commit. */
  id: string
  /** Seconds since 1970. */
  commitTime: number
  executable: string
  /** Of the executable, in hexadecimal. */
  sha256: string
  /** The file with the executable's bill of materials. */
  sbom: string
  /** Of the bill of materials, in hexadecimal. */
  sbomSha256: string
}

/** The commit of the tree at `root`, built for `arch`. Throws `Stop` when the tree is dirty or it is not built. */
export async function readBuiltRelease(root: string, arch: Arch): Promise<BuiltRelease> {
  const { stdout } = await git(root, 'status', '--porcelain')
  const changed = stdout.split('\n').filter(Boolean)
  if (changed.length > 0) {
    const [first, ...rest] = changed
    const more = rest.length > 0 ? ` and ${rest.length} more` : ''
    throw new Stop(`uncommitted changes (${first?.slice(3)}${more}): commit them, then build`)
  }
  const { stdout: id } = await git(root, 'rev-parse', 'HEAD')
  const commitTime = Number((await git(root, 'show', '-s', '--format=%ct', 'HEAD')).stdout)

  const build = `run scripts/build --arch ${arch}`
  const name = executableName(arch)
  const executable = readListed(root, name, build)
  const sbom = readListed(root, sbomName(arch), build)
  if (!executable.bytes.includes(id) || executable.bytes.includes(`${id}-dirty`)) {
    throw new Stop(`dist/${name} was not built from commit ${id}: ${build}`)
  }
  return {
    id,
    commitTime,
    executable: executable.path,
    sha256: executable.sha256,
    sbom: sbom.path,
    sbomSha256: sbom.sha256,
  }
}

/** A file in dist. Throws `Stop` when it is missing, or not the one that dist/SHA256SUMS lists. */
function readListed(root: string, name: string, build: string) {
  const path = join(root, 'dist', name)
  if (!existsSync(path)) throw new Stop(`there is no dist/${name}: ${build}`)
  const bytes = readFileSync(path)
  const sha256 = sha256Of(bytes)
  if (listedSum(root, name) !== sha256) {
    throw new Stop(`dist/${name} does not match dist/SHA256SUMS: ${build}`)
  }
  return { path, bytes, sha256 }
}

function listedSum(root: string, name: string): string | undefined {
  const path = join(root, 'dist', 'SHA256SUMS')
  if (!existsSync(path)) return undefined
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .find((text) => text.endsWith(`  ${name}`))
  return line?.split(' ')[0]
}
