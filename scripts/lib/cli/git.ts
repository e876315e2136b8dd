import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { Stop } from './errors.ts'
import { shortRelease } from './format.ts'

/**
 * A clone may be another's. Its settings then start no program, fetch nothing, and show no other commits than its objects
 * are: by replacements, grafts, or a commit graph, whose parents git believes.
 */
const SETTINGS = ['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'core.commitGraph=false']
const ENVIRONMENT = {
  // Of a partial clone, git would fetch what is missing, by whatever command its remote names.
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_NO_LAZY_FETCH: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_GRAFT_FILE: '/dev/null',
  LC_ALL: 'C',
}

interface Answer {
  exitCode: number
  stdout: string
  stderr: string
  /** The standard output as it came. */
  bytes: Uint8Array
}

/** Runs git in the clone at `folder`. Throws `Stop` when that is none, or git is not installed. */
export const git = (folder: string, ...words: string[]): Promise<Answer> =>
  run(folder, words, ENVIRONMENT)

async function run(
  folder: string,
  words: string[],
  environment: Record<string, string>,
): Promise<Answer> {
  if (!Bun.which('git', { PATH: process.env.PATH ?? '' })) throw new Stop('git is not on PATH')
  const settings = SETTINGS.flatMap((setting) => ['-c', setting])
  const child = Bun.spawn(['git', '-C', folder, ...settings, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  const [bytes, stderr, exitCode] = await Promise.all([
    child.stdout.bytes(),
    child.stderr.text(),
    child.exited,
  ])
  if (/not a git repository|cannot change to/.test(stderr)) {
    throw new Stop(
      `${resolve(folder)} is no clone of a repository, and a downloaded archive has no commits: use git clone`,
    )
  }
  if (stderr.includes('dubious ownership')) {
    throw new Stop(
      `${resolve(folder)} belongs to somebody else: 'git config --global --add safe.directory ${resolve(folder)}' trusts it`,
    )
  }
  const stdout = new TextDecoder().decode(bytes).trimEnd()
  return { exitCode, stdout, stderr: stderr.trimEnd(), bytes }
}

/** Where a name is looked for. By full names: of a branch and a tag with one name, git alone takes the tag. */
const PLACES = ['refs/heads/', 'refs/tags/', 'refs/remotes/']

/**
 * The full id of a commit, tag or branch, also with a suffix such as `~2`, in the clone at `folder`; of a full id, itself,
 * since a clone may lack commits that are baked. Throws `Stop` for an unknown name, and for one with two meanings.
 */
export async function commitOf(folder: string, name: string): Promise<string> {
  if (/^[0-9a-f]{40}$/.test(name)) return name
  const [, base = '', suffix = ''] = /^([^~^@]*)(.*)$/s.exec(name) ?? []
  const places = /^(HEAD$|refs\/)/.test(base) ? [base] : PLACES.map((place) => place + base)
  const found = new Map<string, string>()
  for (const place of places) {
    const commit = await resolved(folder, place)
    if (commit) found.set(commit, found.get(commit) ?? place)
  }
  const [place, other] = found.values()
  if (other) {
    const meanings = [...found.values()].map((each) => each + suffix).join(' or ')
    throw new Stop(`'${name}' is more than one commit in this clone: say ${meanings}`)
  }
  const isId = /^[0-9a-f]{4,40}$/.test(base)
  const commit = place || isId ? await resolved(folder, (place ?? base) + suffix) : undefined
  if (commit) return commit
  throw new Stop(
    `'${name}' is not a commit in ${resolve(folder)}: give a commit id, a tag or a branch`,
  )
}

/** The full id of what git calls `name`; undefined if there is no such commit. */
export async function resolved(folder: string, name: string): Promise<string | undefined> {
  const words = ['--verify', '--quiet', '--end-of-options', `${name}^{commit}`]
  return (await git(folder, 'rev-parse', ...words)).stdout || undefined
}

/** The content of a file as a commit of the clone at `folder` has it. Throws when it has none. */
export async function fileAt(folder: string, commit: string, path: string): Promise<Uint8Array> {
  const { exitCode, bytes, stderr } = await git(folder, 'cat-file', 'blob', `${commit}:${path}`)
  if (exitCode !== 0) throw new Error(`git has no ${path} of ${shortRelease(commit)}: ${stderr}`)
  return bytes
}

/** The process that serves the clone to be copied may fetch nothing either. */
const SERVE = 'env GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1 git upload-pack'

/**
 * Makes a new clone at `folder` with one commit of the clone at `source` checked out. What is copied is named by what it
 * is: an object that is stored under another's id does not arrive. Throws when the commit is not there.
 */
export async function copyCommit(source: string, commit: string, folder: string): Promise<void> {
  mkdirSync(folder)
  const fetch = ['fetch', '--quiet', '--depth=1', '--no-tags', `--upload-pack=${SERVE}`]
  for (const words of [
    ['init', '--quiet'],
    [...fetch, source, commit],
    ['checkout', '--quiet', '--detach', commit],
  ]) {
    const done = await run(folder, words, { ...ENVIRONMENT, GIT_ALLOW_PROTOCOL: 'file' })
    if (done.exitCode !== 0) throw new Error(`git ${words[0]} failed: ${done.stderr}`)
  }
}
