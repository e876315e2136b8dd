import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileAt } from '../cli/git.ts'
import type { Arch } from '../fleet/images.ts'
import {
  executableName,
  lockedMaterials,
  type Sums,
  sbomName,
  shortSum,
  sumsIn,
} from '../image/artifacts.ts'
import type { Attested } from '../provenance/attested.ts'
import { materialOf, sumsOf } from '../provenance/statement.ts'
import { rebuild } from './clean-room.ts'
import { examineCommit } from './commit.ts'
import { attempt, type Finding, notAsked, ok, problemsOr } from './finding.ts'
import { type Link, linksOf } from './link.ts'

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
  /** Called with a line about what takes long. */
  note: (line: string) => void
}

/** What a trusted builder states that it made from the commit. */
export interface Stated extends Attested {
  arch: Arch
  sums: Sums
}

/** The links from the commit to the executable, what is stated of it, and what the executable is, if anybody knows. */
export interface Build {
  links: Link[]
  stated: Stated | undefined
  sums: Sums | undefined
}

/** Examines whether the commit makes what `findStatement` finds stated; undefined: there is nothing to be found. */
export async function examineBuild(
  question: BuildQuestion,
  findStatement: () => Promise<Attested | Finding>,
): Promise<Build> {
  const { source, commit, branch, note } = question
  const onMain = await linksOf('commit', () => examineCommit(source, commit, branch))
  const { value: found, failure } = await attempt(async () => {
    const made = await findStatement()
    return 'statement' in made ? { ...made, ...sumsOf(made.statement) } : made
  })
  const stated = found && 'statement' in found ? found : undefined
  const arch = stated?.arch ?? question.arch ?? (process.arch as Arch)
  // A build runs what the commit says, and what is not on main nobody has reviewed.
  const rebuilds = question.rebuilds && onMain.every(({ status }) => status === 'ok')
  const rebuilt = await attempt(async () =>
    rebuilds ? await rebuild(source, commit, arch, note) : undefined,
  )
  const built = findBuilt(source, commit, arch)
  const sightings = [
    ...(rebuilt.value ? [{ where: 'rebuilt', sums: rebuilt.value }] : []),
    ...(built ? [{ where: 'in dist', sums: built }] : []),
  ]
  const why = question.rebuilds ? 'only a commit on main is built' : '--no-rebuild'
  const compared = (what: keyof Sums) =>
    linksOf(what, () => rebuilt.failure ?? compare(what, stated?.sums, sightings, why))
  const whose = stated
    ? ok(`by ${stated.builder}, for ${stated.arch} (${stated.signer})`)
    : (failure ?? (found as Finding))
  return {
    links: [
      ...onMain,
      { name: 'statement', ...whose },
      ...(await compared('executable')),
      ...(await compared('sbom')),
      ...(await linksOf('materials', () => examineMaterials(source, commit, stated))),
    ],
    stated,
    sums: stated?.sums ?? rebuilt.value,
  }
}

/** A place where the executable and its bill of materials are, and their checksums there. */
interface Sighting {
  where: string
  sums: Sums
}

/** Of what scripts/build left in the clone at `source`, if that is of this commit. */
function findBuilt(source: string, commit: string, arch: Arch): Sums | undefined {
  const dist = join(source, 'dist')
  const path = join(dist, executableName(arch))
  if (!existsSync(path) || !existsSync(join(dist, sbomName(arch)))) return undefined
  const content = readFileSync(path)
  if (!content.includes(commit) || content.includes(`${commit}-dirty`)) return undefined
  return sumsIn(dist, arch)
}

/** Whether the lock file and the Bun that are stated are those of the commit. */
async function examineMaterials(
  source: string,
  commit: string,
  stated: Stated | undefined,
): Promise<Finding[]> {
  if (!stated) return [notAsked('nothing is stated')]
  const locked = await lockedMaterials(stated.arch, (path) => fileAt(source, commit, path))
  const problems = locked.flatMap(({ name, sha256 }) => {
    const sum = materialOf(stated.statement, name)
    return sum === sha256
      ? []
      : `${name} of the commit has the checksum ${shortSum(sha256)}, the statement ${sum ? `says ${shortSum(sum)}` : 'names none'}`
  })
  return problemsOr(
    problems,
    locked.map(({ name, sha256 }) => `${name} ${shortSum(sha256)}`).join(', '),
  )
}

/** Compares the checksums of one of the files with the stated one. Without any, it was not asked: `why`. */
function compare(
  what: keyof Sums,
  stated: Sums | undefined,
  sightings: Sighting[],
  why: string,
): Finding[] {
  const [first] = sightings
  if (!first) return [notAsked(why)]
  if (!stated) return [notAsked(`${shortSum(first.sums[what])} ${first.where}: nothing is stated`)]
  const problems = sightings
    .filter(({ sums }) => sums[what] !== stated[what])
    .map(
      ({ where, sums }) =>
        `${where} it has the checksum ${shortSum(sums[what])}, the statement says ${shortSum(stated[what])}`,
    )
  const places = sightings.map(({ where }) => where).join(' and ')
  return problemsOr(problems, `${shortSum(stated[what])}, ${places}`)
}
