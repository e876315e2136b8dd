import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { $ } from 'bun'
import { Stop } from '../../cli/errors.ts'
import { shortRelease } from '../../cli/format.ts'
import { copyCommit } from '../../cli/git.ts'
import { root, service } from '../../service.ts'

const arch = process.arch === 'arm64' ? 'arm64' : 'x64'
const file = `${service.name}-linux-${arch}`

/**
 * The executable of a release: a path with a slash is one; a commit, tag or branch is built by its own scripts in a
 * clone, once: dist/releases keeps what was built. Throws `Stop` if there is none.
 */
export async function executableOf(name: string, say: (line: string) => void): Promise<string> {
  if (name.includes('/') && existsSync(name)) return resolve(name)
  const { exitCode, stdout } =
    await $`git -C ${root} rev-parse --verify --quiet --end-of-options ${`${name}^{commit}`}`
      .nothrow()
      .quiet()
  if (exitCode !== 0) {
    throw new Stop(
      `got '${name}', expected a commit, a tag, a branch, or the path of an executable`,
    )
  }
  const commit = stdout.toString().trim()
  const kept = join(root, 'dist/releases', commit, file)
  if (existsSync(kept)) return kept
  say(`building ${shortRelease(commit)}`)
  const folder = mkdtempSync(join(tmpdir(), `${service.name}-compat-`))
  try {
    const clone = join(folder, 'clone')
    await copyCommit(root, commit, clone)
    const built = await $`scripts/build --arch ${arch}`.cwd(clone).nothrow().quiet()
    if (built.exitCode !== 0) {
      const words = `${built.stdout}${built.stderr}`.trim().split('\n').slice(-5).join('; ')
      throw new Stop(`${shortRelease(commit)} could not be built here: ${words}`)
    }
    mkdirSync(join(root, 'dist/releases', commit), { recursive: true })
    // Renamed when it is whole: another run may look for it.
    cpSync(join(clone, 'dist', file), `${kept}.${process.pid}`)
    renameSync(`${kept}.${process.pid}`, kept)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return kept
}
