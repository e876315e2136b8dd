import type { KeyObject } from 'node:crypto'
import type { Aws } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { Stop } from '../cli/errors.ts'
import { readJson } from '../cli/files.ts'
import { shortRelease } from '../cli/format.ts'
import type { Arch, Digests } from '../fleet/images.ts'
import { executableName, sbomName, shortSum } from '../image/artifacts.ts'
import { type Artifact, amiArtifact, keyId, opened } from '../receipt/envelope.ts'
import { attestation } from './github.ts'
import { findKept, keptAt } from './kept.ts'
import { checkStatement, type Expected, type Statement } from './statement.ts'
import { readTrustedBuilders, TRUSTED_BUILDERS, type TrustedBuilder } from './trust.ts'

/** An AMI, and what its tags say. */
export interface Claimed extends Digests {
  release: string
  ami_id: string
  arch: Arch | undefined
}

/** A statement that a trusted builder made an AMI from the commit of its release. */
export interface Attested {
  statement: Statement
  builder: string
  /** Who vouches for it, in words: a key, or GitHub. */
  signer: string
}

/** What is known of an image before it is shipped. */
export interface Provenance {
  /** Who vouches for it, in words. */
  text: string
  /** The release that it was proven to be able to follow, as its statement says. */
  compatibleWith: string | undefined
}

/**
 * Who vouches that the AMI was made from the commit that its tag names, with the checksums that its other tags
 * name; or if `unattested`, that nobody was asked. Throws `Stop` with the first thing that is not so, and what to do.
 */
export async function provenanceOf(
  aws: Aws,
  image: Claimed,
  unattested: boolean,
): Promise<Provenance> {
  if (unattested) return { text: 'not checked (--unattested)', compatibleWith: undefined }
  const builders = readTrustedBuilders()
  if (builders.length === 0) {
    throw new Stop(
      `no builder is trusted yet: add the one that bakes to ${TRUSTED_BUILDERS} (scripts/docs/provenance.md), or pass --unattested. Nothing was changed.`,
    )
  }
  try {
    const { statement, builder, signer } = await statementOf(aws, image, builders)
    for (const tag of ['executable', 'sbom'] as const) {
      // Without one there is nothing that the statement could contradict.
      if (!image[tag]) throw new Stop(`the AMI ${image.ami_id} has no tag '${tag}'`)
    }
    return {
      text: `signed by ${builder} (${signer})`,
      compatibleWith: statement.predicate.buildDefinition.externalParameters.compatibleWith,
    }
  } catch (error) {
    const why = error instanceof Stop ? error.message : explain(error).replace(/\.$/, '')
    throw new Stop(
      `where ${image.ami_id} of release ${shortRelease(image.release)} comes from is not proven: ${why}. Bake the release with a trusted builder (scripts/docs/provenance.md), or pass --unattested. Nothing was changed.`,
    )
  }
}

/** The statement about an AMI, in AWS or on GitHub, verified. Throws `Stop` when no builder made one that agrees. */
export async function statementOf(
  aws: Aws,
  image: Claimed,
  builders: TrustedBuilder[],
): Promise<Attested> {
  const keys = builders.filter((each) => 'key' in each)
  const workflows = builders.filter((each) => 'github' in each)
  const kept = keys.length > 0 ? await findKept(aws, image.ami_id) : undefined
  if (kept !== undefined) {
    return signedWithKey(parse(kept, keptAt(image.ami_id)), keys, expected(image))
  }
  if (workflows.length === 0) {
    throw new Stop(
      `there is no statement about it: the parameter ${keptAt(image.ami_id)} does not exist in this region`,
    )
  }
  return await signedOnGitHub(image, workflows)
}

/** The statement of a commit in a file, verified by the key of one of the builders. Throws `Stop` as `statementOf`. */
export const statementIn = (path: string, commit: string, builders: TrustedBuilder[]): Attested =>
  signedWithKey(
    readJson(path),
    builders.filter((each) => 'key' in each),
    { commit, artifacts: [] },
  )

function signedWithKey(
  envelope: unknown,
  builders: (TrustedBuilder & { key: KeyObject })[],
  expected: Omit<Expected, 'builder'>,
): Attested {
  const { statement, key } = opened(
    envelope,
    builders.map((each) => each.key),
  )
  // Each key speaks for its builder alone.
  const builder = builders.find((each) => each.key === key)?.builder ?? ''
  return {
    statement: checkStatement(statement, { builder, ...expected }),
    builder,
    signer: `key ${shortSum(keyId(key))}`,
  }
}

async function signedOnGitHub(
  image: Claimed,
  builders: (TrustedBuilder & { github: string })[],
): Promise<Attested> {
  const refusals: unknown[] = []
  for (const { builder, github } of builders) {
    try {
      const statement = await attestation(image.ami_id, builder, github)
      return {
        statement: checkStatement(statement, { builder, ...expected(image) }),
        builder,
        signer: 'GitHub',
      }
    } catch (error) {
      refusals.push(error)
    }
  }
  throw refusals[0]
}

function expected(image: Claimed): Omit<Expected, 'builder'> {
  const named = [
    { name: executableName(`${image.arch}`), sha256: image.executable },
    { name: sbomName(`${image.arch}`), sha256: image.sbom },
  ].filter((each): each is Artifact => each.sha256 !== undefined)
  return { commit: image.release, artifacts: [amiArtifact(image.ami_id), ...named] }
}

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Stop(`the parameter ${place} does not hold JSON`)
  }
}
