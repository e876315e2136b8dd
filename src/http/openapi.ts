import { z } from 'zod'
import { name } from '../../package.json'
import type { Release } from '../release.ts'
import type { Problem } from './problem.ts'

const schemas = {
  Health: z.strictObject({ status: z.enum(['ok', 'starting', 'draining']) }),
  Version: z.strictObject({
    version: z.string().meta({ description: 'The release: the git commit.' }),
    commit: z.string(),
    builtAt: z.string(),
    environment: z.string(),
    instance: z.string(),
    bun: z.string(),
  }),
  Problem: z
    .strictObject({
      type: z.string().meta({ format: 'uri' }),
      title: z.string(),
      status: z.int().min(400).max(599),
      detail: z.string(),
      instance: z.string().meta({ description: 'The id of the request.' }),
      errors: z
        .array(
          z.strictObject({
            pointer: z.string().optional(),
            parameter: z.string().optional(),
            detail: z.string(),
          }),
        )
        .optional(),
    })
    .meta({ description: 'RFC 9457 problem details.' }),
}

/** The OpenAPI 3.1 document of `api` and of what every service has; schemas are the ones that requests are validated with. */
export function openapiDocument(
  release: Release,
  api: { description: string; tag: object; schemas: Record<string, z.ZodType>; paths: object },
): object {
  return {
    openapi: '3.1.0',
    info: {
      title: name,
      version: release.id,
      description: `${api.description} Errors are RFC 9457 problem documents; their \`instance\` is the request id, as in the log.`,
    },
    tags: [api.tag, { name: 'Service', description: 'For load balancers and operators.' }],
    paths: {
      ...api.paths,
      '/hc': {
        get: {
          tags: ['Service'],
          operationId: 'health',
          summary: 'Whether to send requests here',
          description:
            '`ok` from the first answer of the store since boot until the service begins to stop.',
          security: [],
          responses: {
            200: json('Send requests.', 'Health', { status: 'ok' }),
            503: json('Starting or draining: send none.', 'Health', { status: 'draining' }),
          },
        },
      },
      '/version': {
        get: {
          tags: ['Service'],
          operationId: 'version',
          summary: 'Which release runs here',
          security: [],
          responses: {
            200: json('The release.', 'Version', {
              version: release.id,
              commit: release.commit,
              builtAt: release.builtAt,
              environment: 'production',
              instance: 'i-0123456789abcdef0',
              bun: Bun.version,
            }),
          },
        },
      },
    },
    components: {
      schemas: Object.fromEntries(
        Object.entries<z.ZodType>({ ...api.schemas, ...schemas }).map(([name, schema]) => [
          name,
          jsonSchema(schema),
        ]),
      ),
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description:
            'Required where tokens are configured. A token has the scope read or write; write includes read.',
        },
      },
    },
  }
}

const REQUEST_ID = '0198c5a4-7f2e-7c31-9a55-3d1b8e6f2a90'

/** The errors that an operation may answer with, by status, each with the very document that it is answered with. */
export function problems(...all: Problem[]): Record<string, object> {
  const byStatus = Object.groupBy(all, ({ status }) => status)
  const entries = Object.entries(byStatus as Record<string, Problem[]>).map(([status, same]) => {
    const examples = same.map((problem) => {
      const value = problem.document(REQUEST_ID)
      return [problem.type, { summary: value.title, value }] as const
    })
    const headers = {
      ...(status === '401' && { 'WWW-Authenticate': { schema: { type: 'string' } } }),
      ...(status === '503' && { 'Retry-After': { schema: { type: 'integer' } } }),
    }
    const content = {
      'application/problem+json': {
        schema: ref('Problem'),
        ...(same.length > 1
          ? { examples: Object.fromEntries(examples) }
          : { example: examples[0]?.[1].value }),
      },
    }
    const description = examples.map(([type, { summary }]) => `${summary} (\`${type}\`).`).join(' ')
    return [status, { description, headers, content }]
  })
  return Object.fromEntries(entries)
}

/** A response with the schema of that name. */
export function json(description: string, schema: string, example?: object): object {
  return { description, content: { 'application/json': { schema: ref(schema), example } } }
}

export function ref(schema: string): object {
  return { $ref: `#/components/schemas/${schema}` }
}

export function jsonSchema(schema: z.ZodType): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return rest
}
