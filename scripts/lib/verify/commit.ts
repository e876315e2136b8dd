import { $ } from 'bun'
import { Stop } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import { type Finding, ok, wrong } from './link.ts'

/**
 * Where a branch is looked for: what the remote has of main counts before what is here. By full names: git prefers a tag of
 * the same name, which anyone who may push could make.
 */
const MAIN = ['refs/remotes/origin/main', 'refs/heads/main']
const placesOf = (branch: string): string[] =>
  branch === 'HEAD' ? [branch] : [`refs/heads/${branch}`, `refs/remotes/${branch}`]

/** The full id of a commit, tag or branch of the clone at `source`. Throws `Stop` when it has none of that name. */
export async function commitOf(source: string, name: string): Promise<string> {
  const commit = await resolved(source, name)
  if (commit) return commit
  throw new Stop(`'${name}' is not a commit in ${source}: give a commit id, a tag or a branch`)
}

/** Whether the clone at `source` has the commit on `branch`; undefined is main. */
export async function examineCommit(
  source: string,
  commit: string,
  branch: string | undefined,
): Promise<Finding> {
  if (commit.endsWith('-dirty')) {
    return wrong(`${shortRelease(commit)} was built from changes that are not committed`)
  }
  if (!(await resolved(source, commit))) {
    return wrong(`there is no commit ${shortRelease(commit)} in ${source}: fetch it`)
  }
  const tip = await firstOf(source, branch === undefined ? MAIN : placesOf(branch))
  if (!tip) return wrong(`${source} has no branch ${branch ?? 'main'}: name one with --branch`)
  const isOn = await $`git -C ${source} merge-base --is-ancestor ${commit} ${tip}`.nothrow().quiet()
  const told =
    await $`git -C ${source} show --no-patch --format=${'of %cs by %an'} ${commit}`.text()
  const onto = tip.replace(/^refs\/(heads|remotes)\//, '')
  const named = `${shortRelease(commit)} ${told.trim()}`
  return isOn.exitCode === 0 ? ok(`${named}, on ${onto}`) : wrong(`${named} is not on ${onto}`)
}

async function firstOf(source: string, names: string[]): Promise<string | undefined> {
  for (const name of names) if (await resolved(source, name)) return name
  return undefined
}

async function resolved(source: string, name: string): Promise<string | undefined> {
  const found = await $`git -C ${source} rev-parse --verify --quiet ${`${name}^{commit}`}`
    .quiet()
    .nothrow()
  return found.stdout.toString().trim() || undefined
}
