import { z } from 'zod'
import { name } from '../../package.json'
import type { Release } from '../release.ts'
import { type ProblemType, problemTypes } from './problem.ts'

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
    servers: [{ url: '/' }],
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
            200: json('Send requests.', 'Health'),
            503: json('Starting or draining: send none.', 'Health'),
          },
        },
      },
      '/version': {
        get: {
          tags: ['Service'],
          operationId: 'version',
          summary: 'Which release runs here',
          security: [],
          responses: { 200: json('The release.', 'Version') },
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

/** Problems of one status share one entry of the document. */
export function problems(...types: ProblemType[]): Record<string, object> {
  const entries = types.map((type) => {
    const [status, title] = problemTypes[type]
    const headers = {
      ...(status === 401 && { 'WWW-Authenticate': { schema: { type: 'string' } } }),
      ...(status === 503 && { 'Retry-After': { schema: { type: 'integer' } } }),
    }
    const content = { 'application/problem+json': { schema: ref('Problem') } }
    return [String(status), { description: `${title} (\`${type}\`).`, headers, content }]
  })
  return Object.fromEntries(entries)
}

/** A response with the schema of that name. */
export function json(description: string, schema: string): object {
  return { description, content: { 'application/json': { schema: ref(schema) } } }
}

export function ref(schema: string): object {
  return { $ref: `#/components/schemas/${schema}` }
}

export function jsonSchema(schema: z.ZodType): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return rest
}
