import { expect, test } from 'bun:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { name } from '../../../package.json'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { put, testApp } from '../../lab/support/app.ts'

interface Content {
  schema: { $ref: string }
  example?: unknown
  examples?: Record<string, { summary: string; value: unknown }>
}

interface Operation {
  tags: string[]
  operationId: string
  summary: string
  security: object[]
  requestBody?: { required: boolean; content: Record<string, Content> }
  responses: Record<
    string,
    { description: string; headers?: object; content?: Record<string, Content> }
  >
}

interface Document {
  openapi: string
  info: object
  tags: { name: string; description: string }[]
  paths: Record<string, { parameters?: object[] } & Record<string, Operation>>
  components: { schemas: Record<string, object>; securitySchemes: object }
}

const app = testApp()
const ask = async (path: string, init?: RequestInit) => (await app.request(path, init)).json()
const { components, paths, ...head } = (await ask('/openapi.json')) as Document
const ajv = new Ajv2020({ schemas: [{ $id: 'api', components }], strict: false })
addFormats.default(ajv)
/** What of `value` is not as `schema` says. */
const errorsOf = ({ $ref }: { $ref: string }, value: unknown) => {
  ajv.validate({ $ref: `api${$ref}` }, value)
  return ajv.errors ?? []
}
const operations = Object.entries(paths).flatMap(([path, { parameters: _, ...methods }]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
)
const schemaOf = (content: Record<string, Content> = {}) =>
  Object.values(content)[0]?.schema.$ref.split('/').at(-1) ?? ''
const sentence = expect.stringMatching(/^\S.*\s.*\S$/)

test('the document says what the service is, and how to log in', () => {
  expect(head).toMatchObject({
    openapi: '3.1.0',
    info: { title: name, version: 'release', description: sentence },
  })
  for (const tag of head.tags)
    expect(tag).toEqual({ name: expect.stringMatching(/^[A-Z][a-z]+$/), description: sentence })
  expect(components.securitySchemes).toEqual({
    token: { type: 'http', scheme: 'bearer', description: sentence },
  })
})

test('each operation has its name, its group, and the scope that it takes', () => {
  const groups = head.tags.map((tag) => tag.name)
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
  for (const { path, method, operationId, tags, summary, security } of operations) {
    expect(tags).toHaveLength(1)
    expect(groups).toContain(tags[0] as string)
    expect(summary).toEqual(sentence)
    const scope = method === 'get' ? 'read' : 'write'
    const own = { '/hc': 'health', '/version': 'version' }[path]
    expect(security).toEqual(own ? [] : [{}, { token: [scope] }])
    expect(operationId).toBe(own ?? operationId)
  }
})

test('each response is described, and its examples are as its schema says', () => {
  for (const { path, responses } of operations) {
    for (const [status, { description, headers = {}, content = {} }] of Object.entries(responses)) {
      expect(description).toMatch(/^[A-Z].*\.$/)
      const isProblem = Number(status) >= 400 && path !== '/hc'
      const type = isProblem ? 'application/problem+json' : 'application/json'
      expect(Object.keys(content)).toEqual(status === '204' ? [] : [type])
      for (const { schema, example, examples = {} } of Object.values(content)) {
        expect(components.schemas).toHaveProperty(schema.$ref.split('/').at(-1) ?? '')
        if (example !== undefined) expect(errorsOf(schema, example)).toEqual([])
        for (const [key, { summary, value }] of Object.entries(examples)) {
          expect(description).toContain(`${summary} (\`${key}\`).`)
          expect(errorsOf(schema, value)).toEqual([])
          expect(value).toMatchObject({ title: summary, status: Number(status) })
        }
        if (isProblem) expect(example ?? examples).not.toEqual({})
      }
      const type401 = { 'WWW-Authenticate': { schema: { type: 'string' } } }
      const type503 = { 'Retry-After': { schema: { type: 'integer' } } }
      const expected = { 401: type401, 503: isProblem ? type503 : {} }[status] ?? {}
      expect(headers).toEqual(expected)
    }
  }
})

test('what is answered is as the schemas say, and nothing else is', async () => {
  const body = JSON.parse(EXAMPLE.body)
  expect(await app.request(EXAMPLE.path, put(body))).toHaveProperty('status', 204)
  const invalid = (await ask(EXAMPLE.path, put({ ...body, more: 1 }))) as object
  const write = operations.find(({ requestBody }) => requestBody)
  const read = operations.find(({ path, method }) => path === write?.path && method === 'get')
  const answers = {
    Health: await ask('/hc'),
    Version: await ask('/version'),
    [schemaOf(read?.responses[200]?.content)]: await ask(EXAMPLE.path),
    [schemaOf(write?.requestBody?.content)]: body,
    Problem: invalid,
  } as Record<string, Record<string, unknown>>
  expect(Object.keys(components.schemas).sort()).toEqual(Object.keys(answers).sort())
  for (const [schema, answer] of Object.entries(answers)) {
    const ref = { $ref: `#/components/schemas/${schema}` }
    expect(errorsOf(ref, answer)).toEqual([])
    expect(errorsOf(ref, { ...answer, more: 1 })).not.toEqual([])
    for (const key of Object.keys(answer)) {
      const { [key]: _, ...less } = answer
      if (key !== 'errors') expect(errorsOf(ref, less)).not.toEqual([])
      expect(errorsOf(ref, { ...answer, [key]: {} })).not.toEqual([])
    }
  }
  const problem = { $ref: '#/components/schemas/Problem' }
  for (const wrong of [{ status: 399 }, { status: 600 }, { type: 'no URI' }, { errors: [{}] }])
    expect(errorsOf(problem, { ...invalid, ...wrong })).not.toEqual([])
  for (const status of ['ok', 'starting', 'draining'])
    expect(errorsOf({ $ref: '#/components/schemas/Health' }, { status })).toEqual([])
})
