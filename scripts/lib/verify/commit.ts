import { shortRelease } from '../cli/format.ts'
import { git, resolved } from '../cli/git.ts'
import { type Finding, ok, problem } from './finding.ts'

/**
 * Where a branch is looked for: what the remote has of main counts before what is here. By full names: git prefers a tag of
 * the same name, which anyone who may push could make.
 */
const MAIN = ['refs/remotes/origin/main', 'refs/heads/main']
const placesOf = (branch: string): string[] =>
  branch === 'HEAD' ? [branch] : [`refs/heads/${branch}`, `refs/remotes/${branch}`]

/** Whether the clone at `source` has the commit on `branch`; undefined is main. */
export async function examineCommit(
  source: string,
  commit: string,
  branch: string | undefined,
): Promise<Finding> {
  if (commit.endsWith('-dirty')) {
    return problem(`${shortRelease(commit)} was built from changes that are not committed`)
  }
  if (!(await resolved(source, commit))) {
    return problem(`there is no commit ${shortRelease(commit)} in ${source}: fetch it`)
  }
  const tip = await firstOf(source, branch === undefined ? MAIN : placesOf(branch))
  if (!tip) return problem(`${source} has no branch ${branch ?? 'main'}: name one with --branch`)
  const isOn = await git(source, 'merge-base', '--is-ancestor', commit, tip)
  const described = await git(source, 'rev-list', '-1', '--format=of %cs by %an', commit)
  const onto = tip.replace(/^refs\/(heads|remotes)\//, '')
  const named = `${shortRelease(commit)} ${described.stdout.split('\n')[1] ?? ''}`
  return isOn.exitCode === 0 ? ok(`${named}, on ${onto}`) : problem(`${named} is not on ${onto}`)
}

async function firstOf(source: string, names: string[]): Promise<string | undefined> {
  for (const name of names) if (await resolved(source, name)) return name
  return undefined
}
