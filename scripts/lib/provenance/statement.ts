import { z } from 'zod'
import { Stop } from '../cli/errors.ts'
import { type Artifact, STATEMENT_TYPE } from '../receipt/envelope.ts'
import { service } from '../service.ts'

export const PREDICATE_TYPE = 'https://slsa.dev/provenance/v1'

const Subject = z.object({ name: z.string(), digest: z.object({ sha256: z.string() }) })

const Statement = z.object({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.array(Subject).min(1),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.object({
    buildDefinition: z.object({
      buildType: z.string(),
      externalParameters: z.record(z.string(), z.string()),
      resolvedDependencies: z
        .array(z.object({ digest: z.object({ gitCommit: z.string() }) }))
        .length(1),
    }),
    runDetails: z.object({
      builder: z.object({ id: z.string() }),
      metadata: z.object({ finishedOn: z.string() }),
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
  artifacts: Artifact[]
  finishedAt: Date
}

/** The statement that `builder` made the artifacts from the commit. */
export function describeBuild(build: Build): Statement {
  const { builder, commit, parameters, artifacts, finishedAt } = build
  return {
    _type: STATEMENT_TYPE,
    subject: artifacts.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: PREDICATE_TYPE,
    predicate: {
      buildDefinition: {
        buildType: `urn:${service.name}:bake`,
        externalParameters: parameters,
        resolvedDependencies: [{ digest: { gitCommit: commit } }],
      },
      runDetails: {
        builder: { id: builder },
        metadata: { finishedOn: finishedAt.toISOString() },
      },
    },
  }
}

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
  const commit = buildDefinition.resolvedDependencies[0]?.digest.gitCommit
  if (commit !== expected.commit) {
    throw new Stop(`the statement is of commit ${commit}, expected ${expected.commit}`)
  }
  for (const { name, sha256 } of expected.artifacts) {
    const stated = data.subject.find((each) => each.name === name)?.digest.sha256
    if (stated === undefined) throw new Stop(`the statement does not name ${name}`)
    if (stated !== sha256) {
      throw new Stop(`the checksum of ${name} is ${sha256}, the statement says ${stated}`)
    }
  }
  return data
}
