import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Arch } from '../fleet/images.ts'
import { executableName, sbomName } from '../image/artifacts.ts'
import { type Finding, notAsked, problemsOr } from './link.ts'
import { type Sums, short, sumsIn } from './sums.ts'

/** A place where the executable and its bill of materials are, and their checksums there. */
interface Sighting {
  where: string
  sums: Sums
}

/** Of what scripts/build left in the clone at `source`, if that is of this commit. */
export async function findBuilt(
  source: string,
  commit: string,
  arch: Arch,
): Promise<Sums | undefined> {
  const dist = join(source, 'dist')
  const path = join(dist, executableName(arch))
  if (!existsSync(path) || !existsSync(join(dist, sbomName(arch)))) return undefined
  const content = readFileSync(path)
  if (!content.includes(commit) || content.includes(`${commit}-dirty`)) return undefined
  return await sumsIn(dist, arch)
}

/** Compares the checksums of one of the files with the stated one. Without any, it was not asked: `why`. */
export function compare(
  what: keyof Sums,
  stated: Sums | undefined,
  sightings: Sighting[],
  why: string,
): Finding {
  const [first] = sightings
  if (!first) return notAsked(why)
  if (!stated) return notAsked(`${short(first.sums[what])} ${first.where}: nothing is stated`)
  const problems = sightings
    .filter(({ sums }) => sums[what] !== stated[what])
    .map(
      ({ where, sums }) =>
        `${where} it has the checksum ${short(sums[what])}, the statement says ${short(stated[what])}`,
    )
  const places = sightings.map(({ where }) => where).join(' and ')
  return problemsOr(problems, `${short(stated[what])}, ${places}`)
}
