import { z } from 'zod'
import { name } from '../../package.json'
import type { Release } from '../release.ts'
import { BODY_LIMIT_BYTES } from './body.ts'
import { type ProblemType, problemTypes } from './problem.ts'
import { Birthday, Greeting, Health, ProblemDetails, Username, Version } from './schemas.ts'

const components = { Birthday, Greeting, Health, Problem: ProblemDetails, Version }

/** The OpenAPI 3.1 document; its schemas are the ones that requests are validated with. */
export function openapiDocument(release: Release): object {
  const username = {
    name: 'username',
    in: 'path',
    required: true,
    schema: jsonSchema(Username),
    example: 'Ada',
  }
  const read = [{}, { token: ['read'] }]
  const write = [{}, { token: ['write'] }]
  return {
    openapi: '3.1.0',
    info: {
      title: name,
      version: release.id,
      description:
        'Stores a date of birth per user name and greets people by it. Errors are RFC 9457 problem documents; their `instance` is the request id, as in the log.',
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'Birthdays', description: 'Save, greet, forget.' },
      { name: 'Service', description: 'For load balancers and operators.' },
    ],
    paths: {
      '/hello/{username}': {
        parameters: [username],
        get: {
          tags: ['Birthdays'],
          operationId: 'greet',
          summary: 'Greet a user',
          security: read,
          responses: {
            200: json('The greeting, with the days until the next birthday.', Greeting),
            ...problems(
              'invalid-username',
              'unauthorized',
              'unknown-user',
              'internal-error',
              'store-unavailable',
            ),
          },
        },
        put: {
          tags: ['Birthdays'],
          operationId: 'saveBirthday',
          summary: 'Save or replace a date of birth',
          description: `The body may have at most ${BODY_LIMIT_BYTES} bytes. The date must be before today.`,
          security: write,
          requestBody: {
            required: true,
            content: { 'application/json': { schema: ref(Birthday) } },
          },
          responses: {
            204: { description: 'Saved.' },
            ...problems(
              'invalid-birthday',
              'unauthorized',
              'forbidden',
              'request-timeout',
              'body-too-large',
              'unsupported-media-type',
              'internal-error',
              'store-unavailable',
            ),
          },
        },
        delete: {
          tags: ['Birthdays'],
          operationId: 'forget',
          summary: 'Forget a user',
          security: write,
          responses: {
            204: { description: 'Forgotten.' },
            ...problems(
              'invalid-username',
              'unauthorized',
              'forbidden',
              'unknown-user',
              'internal-error',
              'store-unavailable',
            ),
          },
        },
      },
      '/hc': {
        get: {
          tags: ['Service'],
          operationId: 'health',
          summary: 'Whether to send requests here',
          description:
            '`ok` from the first answer of the store since boot until the service begins to stop.',
          security: [],
          responses: {
            200: json('Send requests.', Health),
            503: json('Starting or draining: send none.', Health),
          },
        },
      },
      '/version': {
        get: {
          tags: ['Service'],
          operationId: 'version',
          summary: 'Which release runs here',
          security: [],
          responses: { 200: json('The release.', Version) },
        },
      },
    },
    components: {
      schemas: Object.fromEntries(
        Object.entries(components).map(([name, schema]) => [name, jsonSchema(schema)]),
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
function problems(...types: ProblemType[]): Record<string, object> {
  const entries = types.map((type) => {
    const [status, title] = problemTypes[type]
    const headers = {
      ...(status === 401 && { 'WWW-Authenticate': { schema: { type: 'string' } } }),
      ...(status === 503 && { 'Retry-After': { schema: { type: 'integer' } } }),
    }
    const content = { 'application/problem+json': { schema: ref(ProblemDetails) } }
    return [String(status), { description: `${title} (\`${type}\`).`, headers, content }]
  })
  return Object.fromEntries(entries)
}

function json(description: string, schema: z.ZodType): object {
  return { description, content: { 'application/json': { schema: ref(schema) } } }
}

function ref(schema: z.ZodType): object {
  const [name] = Object.entries(components).find(([, component]) => component === schema) ?? []
  return { $ref: `#/components/schemas/${name}` }
}

function jsonSchema(schema: z.ZodType): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return rest
}
