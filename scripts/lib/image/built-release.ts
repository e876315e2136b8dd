import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { $ } from 'bun'
import type { Arch } from '../aws/images.ts'
import { Stop } from '../errors.ts'
import { service } from '../service.ts'

export interface BuiltRelease {
  /** The full SHA of the commit. */
  id: string
  /** Seconds since 1970. */
  commitTime: number
  executable: string
  /** Of the executable, in hexadecimal. */
  sha256: string
}

/** The commit of the tree at `root`, built for `arch`. Throws `Stop` when the tree is dirty or it is not built. */
export async function readBuiltRelease(root: string, arch: Arch): Promise<BuiltRelease> {
  const changed = (await $`git -C ${root} status --porcelain`.text())
    .trimEnd()
    .split('\n')
    .filter(Boolean)
  if (changed.length > 0) {
    const [first, ...rest] = changed
    const more = rest.length > 0 ? ` and ${rest.length} more` : ''
    throw new Stop(`uncommitted changes (${first?.slice(3)}${more}): commit them, then build`)
  }
  const id = (await $`git -C ${root} rev-parse HEAD`.text()).trim()
  const commitTime = Number(await $`git -C ${root} show -s --format=%ct HEAD`.text())

  const executable = join(root, 'dist', `${service.name}-linux-${arch}`)
  const build = `run scripts/build --arch ${arch}`
  if (!existsSync(executable)) throw new Stop(`there is no dist/${basename(executable)}: ${build}`)
  const bytes = readFileSync(executable)
  const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
  if (listedSum(root, basename(executable)) !== sha256) {
    throw new Stop(`dist/${basename(executable)} does not match dist/SHA256SUMS: ${build}`)
  }
  if (!bytes.includes(id) || bytes.includes(`${id}-dirty`)) {
    throw new Stop(`dist/${basename(executable)} was not built from commit ${id}: ${build}`)
  }
  return { id, commitTime, executable, sha256 }
}

function listedSum(root: string, name: string): string | undefined {
  const path = join(root, 'dist', 'SHA256SUMS')
  if (!existsSync(path)) return undefined
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .find((text) => text.endsWith(`  ${name}`))
  return line?.split(' ')[0]
}
