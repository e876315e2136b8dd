import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Aws } from '../aws/clients.ts'
import { Stop } from '../cli/errors.ts'
import { readNamed } from '../cli/files.ts'
import { shortRelease } from '../cli/format.ts'
import { findImage, listImages } from '../fleet/images.ts'
import { TAG } from '../fleet/tags.ts'
import { type Sums, sha256Of, shortSum } from '../image/artifacts.ts'
import { isAbout, materialOf, sumOf } from '../provenance/statement.ts'
import { amiArtifact } from '../receipt/envelope.ts'
import type { Stated } from './build.ts'
import { type Finding, ok, problem, problemsOr } from './finding.ts'

/** The AMI to examine: `running`, if its tags name the commit, otherwise the newest whose tags do. */
export async function findAmi(
  aws: Aws,
  commit: string,
  running: string | undefined,
): Promise<string | undefined> {
  const images = (await listImages(aws, commit)).filter(({ state }) => state === 'available')
  return (images.find(({ id }) => id === running) ?? images[0])?.id
}

/** Whether an AMI exists, and its tags say what is stated. */
export async function examineAmi(
  aws: Aws,
  ami: string,
  commit: string,
  stated: Stated | undefined,
): Promise<Finding[]> {
  const image = await findImage(aws, ami)
  if (!image) return [problem(`${ami} does not exist (any more) in this account and region`)]
  const problems = image.state === 'available' ? [] : [`${ami} is ${image.state}, not available`]
  if (image.release !== commit) {
    problems.push(`the tags of ${ami} say release ${shortRelease(image.release)}`)
  }
  if (stated && !isAbout(stated.statement, ami)) problems.push(`the statement does not name ${ami}`)
  for (const what of ['executable', 'sbom'] as const) {
    const [tag, sum] = [image[what], stated?.sums[what]]
    if (!tag) problems.push(`the AMI ${ami} has no tag '${what}'`)
    else if (sum && tag !== sum) {
      problems.push(
        `the tag '${what}' of ${ami} is ${shortSum(tag)}, the statement says ${shortSum(sum)}`,
      )
    }
  }
  const { source } = image
  if (!source) problems.push(`the AMI ${ami} has no tag '${TAG.source}'`)
  else if (stated && materialOf(stated.statement, source) !== amiArtifact(source).sha256) {
    problems.push(`the tag '${TAG.source}' of ${ami} is ${source}, which is no stated material`)
  }
  return problemsOr(problems, `${ami}, ${image.arch}, from ${source}, its tags say the same`)
}

/** Without AWS: whether the AMI of a receipt is one that is stated. */
export const examineAmiOffline = (ami: string, stated: Stated): Finding =>
  isAbout(stated.statement, ami)
    ? ok(`the statement names ${ami}; AWS was not asked`)
    : problem(`the receipt is about ${ami}, which the statement does not name`)

/** The checksums of what an image directory has installed. */
export const findInImage = (folder: string): Sums => ({
  executable: sumInImage(folder, 'usr/local/bin/app'),
  sbom: sumInImage(folder, 'usr/local/lib/app/sbom.cdx.json'),
})

function sumInImage(folder: string, name: string): string {
  const path = join(folder, name)
  // Followed here, a link leads to another file than when the image is booted.
  if (existsSync(path) && realpathSync(path) !== join(realpathSync(folder), name)) {
    throw new Stop(`${path} is behind a link`)
  }
  return sha256Of(readNamed(path))
}

/** Whether the image directory of scripts/bake --local, and the archive beside it, hold what is stated. */
export function examineFolder(folder: string, stated: Stated): Finding[] {
  const archive = join(dirname(folder), 'root.tar.zst')
  const { executable, sbom } = findInImage(folder)
  const found: [string, string, string][] = [
    ['the executable', executable, stated.sums.executable],
    ['the bill of materials', sbom, stated.sums.sbom],
  ]
  const sumOfArchive = sumOf(stated.statement, basename(archive))
  if (sumOfArchive && existsSync(archive)) {
    found.push(['the archive', sha256Of(readNamed(archive)), sumOfArchive])
  }
  const problems = found
    .filter(([, sum, expected]) => sum !== expected)
    .map(
      ([what, sum, expected]) =>
        `${what} of ${folder} has the checksum ${shortSum(sum)}, the statement says ${shortSum(expected)}`,
    )
  return problemsOr(problems, `${found.map(([what]) => what).join(', ')} in ${folder}`)
}
