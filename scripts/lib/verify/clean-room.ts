import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'
import { EXIT } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import type { Arch } from '../fleet/images.ts'
import { service } from '../service.ts'
import { type Sums, sumsIn } from './sums.ts'

/** Of a build that fails, so many lines are told. */
const TOLD_LINES = 5

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Builds a commit with its own scripts in a new clone, which installs the dependencies that its lock file names. Returns
 * the checksums of what it made; throws when it cannot be built here, which says nothing about the commit.
 */
export async function rebuild(
  source: string,
  commit: string,
  arch: Arch,
  say: (line: string) => void,
): Promise<Sums> {
  const folder = mkdtempSync(join(tmpdir(), `${service.name}-verify-`))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const leave = () => {
    remove()
    process.exit(EXIT.interrupted)
  }
  for (const signal of SIGNALS) process.on(signal, leave)
  try {
    say(`building ${shortRelease(commit)} for ${arch} in a clean clone`)
    const clone = join(folder, 'clone')
    await $`git clone --quiet --shared --no-checkout ${source} ${clone}`.quiet()
    await $`git -C ${clone} checkout --quiet --detach ${commit}`.quiet()
    const { exitCode, stdout, stderr } = await $`scripts/build --arch ${arch}`
      .cwd(clone)
      .nothrow()
      .quiet()
    if (exitCode === 0) return await sumsIn(join(clone, 'dist'), arch)
    throw new Error(`the commit could not be built here: ${lastLines(`${stdout}${stderr}`)}`)
  } finally {
    for (const signal of SIGNALS) process.off(signal, leave)
    remove()
  }
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-TOLD_LINES).join('; ')
