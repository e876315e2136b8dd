import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Aws } from '../aws/clients.ts'
import { Stop } from '../cli/errors.ts'
import { ARCHITECTURES, type Arch } from '../fleet/images.ts'
import { executableName, sbomName } from '../image/artifacts.ts'
import { type Attested, signedWithKey, verified } from '../provenance/attested.ts'
import type { TrustedBuilder } from '../provenance/trust.ts'
import { amiArtifact } from '../receipt/envelope.ts'
import type { Sums } from './sums.ts'

/** What a statement says that a trusted builder made from the commit. */
export interface Stated {
  arch: Arch
  sums: Sums
  builder: string
  signer: string
  /** The checksum of another artifact, by its name; undefined when it is not named. */
  sumOf(name: string): string | undefined
}

/** Whether a statement is about an AMI. */
export const isAbout = (stated: Stated, ami: string): boolean =>
  stated.sumOf(ami) === amiArtifact(ami).sha256

/** Where scripts/bake wrote the statement of a commit, in the clone at `source`; for one architecture, if there are more. */
export function statementPath(source: string, commit: string, arch: Arch | undefined): string {
  const paths = (arch ? [arch] : ARCHITECTURES).map((each) =>
    join(source, 'dist/provenance', `${commit}-${each}.intoto.json`),
  )
  const found = paths.filter((path) => existsSync(path))
  if (found.length > 1)
    throw new Stop(`there are statements for ${ARCHITECTURES.join(' and ')}: say which with --arch`)
  const [path] = found
  if (path) return path
  throw new Stop(`there is no statement ${paths.join(' or ')}: name one with --statement`)
}

/** What the statement in a file says, once a trusted builder's key has verified it. Throws `Stop` when none does. */
export function statedInFile(path: string, commit: string, trusted: TrustedBuilder[]): Stated {
  const keys = trusted.filter((each) => 'key' in each)
  return toStated(signedWithKey(readJson(path), keys, { commit, artifacts: [] }))
}

/** What is stated about an AMI, in AWS or on GitHub, by a trusted builder. Throws `Stop` when nothing is. */
export async function statedOfAmi(
  aws: Aws,
  ami: string,
  commit: string,
  trusted: TrustedBuilder[],
): Promise<Stated> {
  const image = {
    ami_id: ami,
    release: commit,
    arch: undefined,
    executable: undefined,
    sbom: undefined,
  }
  return toStated(await verified(aws, image, trusted))
}

function toStated({ statement, builder, signer }: Attested): Stated {
  const told = statement.predicate.buildDefinition.externalParameters.arch
  const arch = ARCHITECTURES.find((each) => each === told)
  if (!arch)
    throw new Stop(`the statement is for '${told}', expected ${ARCHITECTURES.join(' or ')}`)
  const sumOf = (name: string) =>
    statement.subject.find((each) => each.name === name)?.digest.sha256
  const [executable, sbom] = [sumOf(executableName(arch)), sumOf(sbomName(arch))]
  if (!executable || !sbom) {
    throw new Stop(`the statement does not name ${executableName(arch)} and ${sbomName(arch)}`)
  }
  return { arch, sums: { executable, sbom }, builder, signer, sumOf }
}

/** Throws `Stop` when there is no JSON at `path`. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new Stop(`${path}: ${(error as Error).message}`)
  }
}
