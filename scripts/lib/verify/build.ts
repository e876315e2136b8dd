import type { Arch } from '../fleet/images.ts'
import { compare, findBuilt } from './artifacts.ts'
import { rebuild } from './clean-room.ts'
import { examineCommit } from './commit.ts'
import { findingOf, type Link, linkOf, lookFor, ok } from './link.ts'
import type { Stated } from './statement.ts'
import type { Sums } from './sums.ts'

export interface BuildQuestion {
  /** The clone to look for the commit in, and to build it from. */
  source: string
  /** The full id. */
  commit: string
  /** On which the commit must be; undefined: main. */
  branch: string | undefined
  /** Undefined: the one that is stated. */
  arch: Arch | undefined
  /** Whether to build the commit again. */
  rebuilds: boolean
  /** Told what takes long. */
  say: (line: string) => void
}

/** The links from the commit to the executable, what is stated of it, and what the executable is, if anybody knows. */
export interface Build {
  links: Link[]
  stated: Stated | undefined
  sums: Sums | undefined
}

/** Examines whether the commit makes what `findStated` finds stated. */
export async function examineBuild(
  question: BuildQuestion,
  findStated: () => Promise<Stated>,
): Promise<Build> {
  const { source, commit, branch, say } = question
  const onMain = await findingOf(() => examineCommit(source, commit, branch))
  const { value: stated, finding } = await lookFor(findStated, ({ builder, arch, signer }) =>
    ok(`by ${builder}, for ${arch} (${signer})`),
  )
  const arch = stated?.arch ?? question.arch ?? (process.arch as Arch)
  // A build runs what the commit says, and what is not on main nobody has reviewed.
  const rebuilds = question.rebuilds && onMain.status === 'ok'
  const rebuilt = await lookFor(
    async () => (rebuilds ? await rebuild(source, commit, arch, say) : undefined),
    () => ok('rebuilt'),
  )
  const built = await findBuilt(source, commit, arch)
  const sightings = [
    ...(rebuilt.value ? [{ where: 'rebuilt', sums: rebuilt.value }] : []),
    ...(built ? [{ where: 'in dist', sums: built }] : []),
  ]
  const why = question.rebuilds ? 'only a commit on main is built' : '--no-rebuild'
  const compared = (what: keyof Sums) =>
    linkOf(what, () =>
      rebuilt.finding.status === 'ok'
        ? compare(what, stated?.sums, sightings, why)
        : rebuilt.finding,
    )
  return {
    links: [
      { name: 'commit', ...onMain },
      { name: 'statement', ...finding },
      await compared('executable'),
      await compared('sbom'),
    ],
    stated,
    sums: stated?.sums ?? rebuilt.value,
  }
}
