import type { KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { Stop } from '../cli/errors.ts'
import { ReleaseId, Sha256, Timestamp } from '../fleet/forms.ts'
import { ARCHITECTURES, type Arch } from '../fleet/images.ts'
import { executableName, type Sums, sbomName } from '../image/artifacts.ts'
import type { BuiltRelease } from '../image/built-release.ts'
import {
  type Artifact,
  amiArtifact,
  type Envelope,
  STATEMENT_TYPE,
  seal,
} from '../receipt/envelope.ts'
import { service } from '../service.ts'

export const PREDICATE_TYPE = 'https://slsa.dev/provenance/v1'

/** No blanks, no control characters. */
const Word = z.string().regex(/^[\x21-\x7e]{1,300}$/)

const Named = z.object({ name: Word, digest: z.object({ sha256: Sha256 }) })

const Statement = z.object({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.array(Named).min(1),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.object({
    buildDefinition: z.object({
      buildType: Word,
      externalParameters: z.record(Word, Word),
      resolvedDependencies: z.tuple(
        [z.object({ digest: z.object({ gitCommit: ReleaseId }) })],
        Named,
      ),
    }),
    runDetails: z.object({
      builder: z.object({ id: Word }),
      metadata: z.object({ finishedOn: Timestamp }),
    }),
  }),
})

/** An in-toto statement with SLSA provenance, https://slsa.dev/spec/v1.2/provenance. */
export type Statement = z.infer<typeof Statement>

export interface Build {
  /** Who built it: a URI. */
  builder: string
  /** The full SHA. */
  commit: string
  /** Inputs of the build other than the commit. */
  parameters: Record<string, string>
  /** What went into it beside the commit. */
  materials: Artifact[]
  artifacts: Artifact[]
  finishedAt: Date
}

/** The statement that `builder` made the artifacts from the commit. */
export function describeBuild(build: Build): Statement {
  const { builder, commit, parameters, materials, artifacts, finishedAt } = build
  return {
    _type: STATEMENT_TYPE,
    subject: artifacts.map(named),
    predicateType: PREDICATE_TYPE,
    predicate: {
      buildDefinition: {
        buildType: `urn:${service.name}:bake`,
        externalParameters: parameters,
        resolvedDependencies: [{ digest: { gitCommit: commit } }, ...materials.map(named)],
      },
      runDetails: {
        builder: { id: builder },
        metadata: { finishedOn: finishedAt.toISOString() },
      },
    },
  }
}

const named = ({ name, sha256 }: Artifact) => ({ name, digest: { sha256 } })

interface Bake {
  release: BuiltRelease
  arch: Arch
  materials: Artifact[]
  image: Artifact
  /** Who baked it: a URI. */
  builder: string
  /** Undefined: somebody else signs. */
  key: KeyObject | undefined
  /** The release that it was proven compatible with, if any. */
  compatibleWith: string | undefined
}

/**
 * Writes the statement that `builder` made executable, bill of materials and image from the commit, signed to
 * dist/provenance/RELEASE-ARCH.intoto.json, otherwise to dist/provenance/RELEASE-ARCH.statement.json. Returns its path,
 * and if it is signed, the envelope.
 */
export function writeStatement(bake: Bake): { path: string; envelope: Envelope | undefined } {
  const { release, arch, materials, image, builder, key, compatibleWith } = bake
  const statement = describeBuild({
    builder,
    commit: release.id,
    parameters: { arch, ...(compatibleWith !== undefined && { compatibleWith }) },
    materials,
    artifacts: [
      { name: basename(release.executable), sha256: release.sha256 },
      { name: basename(release.sbom), sha256: release.sbomSha256 },
      image,
    ],
    finishedAt: new Date(),
  })
  const folder = join(dirname(release.executable), 'provenance')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${release.id}-${arch}.${key ? 'intoto' : 'statement'}.json`)
  const envelope = key && seal(statement, key)
  writeFileSync(path, `${JSON.stringify(envelope ?? statement, null, 2)}\n`)
  return { path, envelope }
}

/** The signed statements of a commit that `writeStatement` left in the clone at `source`. */
export const statementPaths = (source: string, commit: string, arch: Arch | undefined): string[] =>
  (arch ? [arch] : ARCHITECTURES)
    .map((each) => join(source, 'dist/provenance', `${commit}-${each}.intoto.json`))
    .filter((path) => existsSync(path))

/** What a statement must say of a build. */
export type Expected = Pick<Build, 'builder' | 'commit' | 'artifacts'>

/**
 * A statement, whose signature was verified, once it says that `expected.builder` made all the expected artifacts from
 * `expected.commit`. Throws `Stop` with the first thing that is not so.
 */
export function checkStatement(statement: unknown, expected: Expected): Statement {
  const { success, data } = Statement.safeParse(statement)
  if (!success) throw new Stop('the statement is not SLSA provenance v1 of one commit')
  const { buildDefinition, runDetails } = data.predicate
  const builder = runDetails.builder.id
  if (builder !== expected.builder) {
    throw new Stop(`the statement was made by ${builder}, expected ${expected.builder}`)
  }
  const commit = buildDefinition.resolvedDependencies[0].digest.gitCommit
  if (commit !== expected.commit) {
    throw new Stop(`the statement is of commit ${commit}, expected ${expected.commit}`)
  }
  for (const { name, sha256 } of expected.artifacts) {
    const stated = sumOf(data, name)
    if (stated === undefined) throw new Stop(`the statement does not name ${name}`)
    if (stated !== sha256) {
      throw new Stop(`the checksum of ${name} is ${sha256}, the statement says ${stated}`)
    }
  }
  return data
}

/** The checksum of an artifact that a statement names, by its name. */
export const sumOf = ({ subject }: Statement, name: string): string | undefined =>
  subject.find((each) => each.name === name)?.digest.sha256

/** The checksum of what went into it beside the commit, by its name. */
export const materialOf = ({ predicate }: Statement, name: string): string | undefined =>
  materials(predicate).find((each) => each.name === name)?.digest.sha256

const materials = ({ buildDefinition }: Statement['predicate']) => {
  const [, ...others] = buildDefinition.resolvedDependencies
  return others
}

/** Whether a statement is about an AMI. */
export const isAbout = (statement: Statement, ami: string): boolean =>
  sumOf(statement, ami) === amiArtifact(ami).sha256

/** The architecture that a statement is for, and what it names for that. Throws `Stop` when it names less. */
export function sumsOf(statement: Statement): { arch: Arch; sums: Sums } {
  const named = statement.predicate.buildDefinition.externalParameters.arch
  const arch = ARCHITECTURES.find((each) => each === named)
  if (!arch) {
    throw new Stop(`the statement is for '${named}', expected ${ARCHITECTURES.join(' or ')}`)
  }
  const executable = sumOf(statement, executableName(arch))
  const sbom = sumOf(statement, sbomName(arch))
  if (executable && sbom) return { arch, sums: { executable, sbom } }
  throw new Stop(`the statement does not name ${executableName(arch)} and ${sbomName(arch)}`)
}
