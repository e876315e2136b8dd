import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'
import { EXIT } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import { copyCommit } from '../cli/git.ts'
import type { Arch } from '../fleet/images.ts'
import { type Sums, sumsIn } from '../image/artifacts.ts'
import { service } from '../service.ts'

/** How many lines of a build that fails are shown. */
const LAST_LINES = 5

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Builds a commit with its own scripts in a new clone, which installs the dependencies that its lock file names. Returns
 * the checksums of what it made; throws when it cannot be built here, which says nothing about the commit.
 */
export async function rebuild(
  source: string,
  commit: string,
  arch: Arch,
  note: (line: string) => void,
): Promise<Sums> {
  const folder = mkdtempSync(join(tmpdir(), `${service.name}-verify-`))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const leave = () => {
    remove()
    process.exit(EXIT.interrupted)
  }
  for (const signal of SIGNALS) process.on(signal, leave)
  try {
    note(`building ${shortRelease(commit)} for ${arch} in a clean clone`)
    const clone = join(folder, 'clone')
    await copyCommit(source, commit, clone)
    const { exitCode, stdout, stderr } = await $`scripts/build --arch ${arch}`
      .cwd(clone)
      .nothrow()
      .quiet()
    if (exitCode === 0) return sumsIn(join(clone, 'dist'), arch)
    const lines = `${stdout}${stderr}`.trim().split('\n').slice(-LAST_LINES)
    throw new Error(`the commit could not be built here: ${lines.join('; ')}`)
  } finally {
    for (const signal of SIGNALS) process.off(signal, leave)
    remove()
  }
}
