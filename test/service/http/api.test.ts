import { describe, expect, test } from 'bun:test'
import { name } from '../../../package.json'
import { createToken, parseTokenHashes } from '../../../src/config/tokens.ts'
import type { Store } from '../../../src/domain/store.ts'
import { StoreUnavailable, UnreadableRecord } from '../../../src/store/key-value.ts'
import { memoryLog, memoryStore, testApp } from '../../lab/support/app.ts'

interface OpenApi {
  paths: Record<
    string,
    Record<string, { responses?: Record<string, { content?: Record<string, Examples> }> }>
  >
}

interface Examples {
  example?: { type: string }
  examples?: Record<string, { value: { type: string } }>
}

const json = { 'Content-Type': 'application/json' }
const put = (body: unknown, headers: Record<string, string> = json) => ({
  method: 'PUT',
  headers,
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
/** No day of the calendar is special to these tests: it is always this one. */
const today = () => Temporal.PlainDate.from('2026-11-30')

async function expectProblem(response: Response, status: number, type: string) {
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const problem = (await response.json()) as Record<string, unknown>
  expect(problem).toMatchObject({ type: `urn:${name}:problem:${type}`, status })
  expect(problem.instance).toBe(response.headers.get('x-request-id'))
  expect(problem.title).toBeString()
  expect(problem.detail).toBeString()
  return problem
}

describe('PUT, GET and DELETE /hello/<username>', () => {
  test('a saved birthday is greeted, replaced and forgotten', async () => {
    const app = testApp()
    const birth = today().subtract({ years: 30 }).add({ days: 5 })
    const saved = await app.request('/hello/Ada', put({ dateOfBirth: birth.toString() }))
    expect(saved.status).toBe(204)
    expect(await saved.text()).toBe('')
    const greeted = await app.request('/hello/Ada')
    expect(greeted.headers.get('content-type')).toBe('application/json')
    expect(await greeted.json()).toEqual({ message: 'Hello, Ada! Your birthday is in 5 day(s)' })

    await app.request('/hello/Ada', put({ dateOfBirth: today().subtract({ years: 1 }).toString() }))
    expect(await (await app.request('/hello/Ada')).json()).toEqual({
      message: 'Hello, Ada! Happy birthday!',
    })

    expect((await app.request('/hello/Ada', { method: 'DELETE' })).status).toBe(204)
    await expectProblem(await app.request('/hello/Ada', { method: 'DELETE' }), 404, 'unknown-user')
    await expectProblem(await app.request('/hello/Ada'), 404, 'unknown-user')
  })

  test('names are case-sensitive and normalised', async () => {
    const app = testApp()
    await app.request(
      `/hello/${encodeURIComponent('Zoe\u0308')}`,
      put({ dateOfBirth: '2000-01-01' }),
    )
    expect((await app.request(`/hello/${encodeURIComponent('Zo\u00eb')}`)).status).toBe(200)
    expect((await app.request(`/hello/${encodeURIComponent('zo\u00eb')}`)).status).toBe(404)
  })

  test.each([
    'Ada1',
    'Ada%20L',
    '%F0%9F%91%A9',
    'a%2Fb',
    '%E0%A4%A',
    'a'.repeat(65),
    '%00',
    '%CC%81',
  ])('the user name %s is refused', async (name) => {
    for (const init of [{}, put({ dateOfBirth: '2000-01-01' }), { method: 'DELETE' }]) {
      const response = await testApp().request(`/hello/${name}`, init)
      const problem = await expectProblem(response, 400, 'invalid-username')
      expect(problem.errors).toEqual([{ parameter: 'username', detail: expect.any(String) }])
    }
  })

  test.each([
    ['a day that does not exist', { dateOfBirth: '2023-02-29' }, '/dateOfBirth'],
    ['another format', { dateOfBirth: '20000101' }, '/dateOfBirth'],
    ['a number', { dateOfBirth: 20000101 }, '/dateOfBirth'],
    ['nothing', {}, '/dateOfBirth'],
    ['an unknown property', { dateOfBirth: '2000-01-01', 'a/b~c': 1 }, '/a~1b~0c'],
    ['an array', [], ''],
    ['null', 'null', ''],
  ])('a body with %s is refused with a pointer to the error', async (_, body, pointer) => {
    const problem = await expectProblem(
      await testApp().request('/hello/Ada', put(body)),
      400,
      'invalid-birthday',
    )
    expect(problem.errors).toEqual([{ pointer, detail: expect.any(String) }])
  })

  test('today and later dates are refused, yesterday is not', async () => {
    const there = Temporal.PlainDate.from('2028-02-29')
    const app = testApp({ currentDay: () => there })
    const send = (date: Temporal.PlainDate) =>
      app.request('/hello/Ada', put({ dateOfBirth: `${date}` }))
    await expectProblem(await send(there), 400, 'invalid-birthday')
    await expectProblem(await send(there.add({ days: 1 })), 400, 'invalid-birthday')
    expect((await send(there.subtract({ days: 1 }))).status).toBe(204)
  })

  test('a body that is not JSON, not declared as JSON, or too large is refused', async () => {
    const app = testApp()
    await expectProblem(await app.request('/hello/Ada', put('{"dateOf')), 400, 'malformed-json')
    await expectProblem(await app.request('/hello/Ada', put('')), 400, 'malformed-json')
    await expectProblem(
      await app.request(
        '/hello/Ada',
        put({ dateOfBirth: '2000-01-01' }, { 'Content-Type': 'text/plain' }),
      ),
      415,
      'unsupported-media-type',
    )
    await expectProblem(
      await app.request(
        '/hello/Ada',
        put(`"${'x'.repeat(20_000)}"`, { ...json, 'Content-Length': '20002' }),
      ),
      413,
      'body-too-large',
    )
  })

  test('application/json may have parameters', async () => {
    const headers = { 'Content-Type': 'Application/JSON; charset=utf-8' }
    const response = await testApp().request(
      '/hello/Ada',
      put({ dateOfBirth: '2000-01-01' }, headers),
    )
    expect(response.status).toBe(204)
  })
})

describe('every path', () => {
  test('that does not exist gets a 404 problem', async () => {
    for (const path of ['/nope', '/hello', '/hello/', '/hello/a/b', '/assets/none.js', '/HC']) {
      await expectProblem(await testApp().request(path), 404, 'unknown-path')
    }
  })

  test('says which methods it allows, as the OpenAPI document does', async () => {
    const app = testApp()
    const document = (await (await app.request('/openapi.json')).json()) as {
      paths: Record<string, object>
    }
    const paths = {
      ...document.paths,
      '/': { get: {} },
      '/docs': { get: {} },
      '/openapi.json': { get: {} },
    }
    for (const [path, operations] of Object.entries(paths)) {
      const response = await app.request(path.replace('{username}', 'Ada'), { method: 'PATCH' })
      await expectProblem(response, 405, 'method-not-allowed')
      const methods = Object.keys(operations).filter((key) => key !== 'parameters')
      const allowed = methods.flatMap((method) =>
        method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()],
      )
      expect(response.headers.get('allow')?.split(', ').sort()).toEqual(allowed.sort())
    }
  })

  test('answers with each error as the example in the OpenAPI document says', async () => {
    const [reader, writer] = [createToken('read'), createToken('write')]
    const tokens = parseTokenHashes(`${reader.entry},${writer.entry}`)
    const down = async () => {
      throw new StoreUnavailable('down')
    }
    const broken = async () => {
      throw new Error('broken')
    }
    const using = (birthdayOf: Store['birthdayOf']) => ({
      store: { ...memoryStore(), birthdayOf, saveBirthday: birthdayOf, forgetBirthday: birthdayOf },
    })
    type Attempt = { app?: object; path?: string; headers?: object; body?: string }
    const attempts: Record<string, Attempt> = {
      'invalid-username': { path: '/hello/R2D2' },
      'invalid-birthday': { body: '{}' },
      'malformed-json': { body: '{' },
      'unsupported-media-type': { headers: { 'Content-Type': 'text/plain' } },
      'body-too-large': { headers: { 'Content-Length': '99999' } },
      unauthorized: { app: { tokens } },
      forbidden: { app: { tokens }, headers: { Authorization: `Bearer ${reader.token}` } },
      'unknown-user': {},
      'internal-error': { app: using(broken as never) },
      'store-unavailable': { app: using(down as never) },
    }
    const document = (await (await testApp().request('/openapi.json')).json()) as OpenApi
    let compared = 0
    for (const [method, { responses }] of Object.entries(
      document.paths['/hello/{username}'] ?? {},
    )) {
      const contents = Object.values(responses ?? {}).flatMap(
        ({ content }) => content?.['application/problem+json'] ?? [],
      )
      for (const { example, examples = {} } of contents) {
        for (const value of example
          ? [example]
          : Object.values(examples).map((each) => each.value)) {
          const type = value.type.split(':').at(-1) ?? ''
          // Takes as long as it says: test/service/binary/abuse.test.ts waits for it.
          if (type === 'request-timeout') continue
          const {
            app = {},
            path = '/hello/Ada',
            headers,
            body = '{"dateOfBirth":"2000-01-01"}',
          } = attempts[type] as Attempt
          const response = await testApp(app).request(path, {
            method: method.toUpperCase(),
            headers: { ...json, ...headers },
            ...(method === 'put' && { body }),
          })
          expect(await response.json()).toEqual({ ...value, instance: expect.any(String) })
          compared++
        }
      }
    }
    expect(compared).toBe(20)
  })

  test('answers HEAD where it answers GET, without a body', async () => {
    for (const path of ['/hc', '/version', '/', '/docs', '/openapi.json']) {
      const response = await testApp().request(path, { method: 'HEAD' })
      expect(response.status).toBe(200)
      expect(await response.text()).toBe('')
    }
  })
})

describe('/hc and /version', () => {
  test.each([
    ['ok', 200],
    ['starting', 503],
    ['draining', 503],
  ] as const)('/hc says %s with %d', async (status, code) => {
    const response = await testApp({ status }).request('/hc')
    expect(response.status).toBe(code)
    expect(await response.json()).toEqual({ status })
  })

  test('while draining every response asks for the connection to be closed', async () => {
    const draining = testApp({ status: 'draining' })
    for (const path of ['/hc', '/version', '/nope']) {
      expect((await draining.request(path)).headers.get('connection')).toBe('close')
    }
    expect((await testApp().request('/hc')).headers.get('connection')).toBeNull()
  })

  test('/version identifies the release and the instance', async () => {
    expect(await (await testApp().request('/version')).json()).toEqual({
      version: 'release',
      commit: 'commit',
      builtAt: '2026-01-02T03:04:05Z',
      environment: 'test',
      instance: 'i-test',
      bun: Bun.version,
    })
  })
})

describe('tokens', () => {
  const reader = createToken('read')
  const writer = createToken('write')
  const app = testApp({ tokens: parseTokenHashes(`${reader.entry},${writer.entry}`) })
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

  test('write allows everything, read only reading', async () => {
    const init = put({ dateOfBirth: '2000-01-01' }, { ...json, ...bearer(writer.token) })
    expect((await app.request('/hello/Ada', init)).status).toBe(204)
    for (const { token } of [reader, writer]) {
      expect((await app.request('/hello/Ada', { headers: bearer(token) })).status).toBe(200)
    }
    const refused = put({ dateOfBirth: '2000-01-01' }, { ...json, ...bearer(reader.token) })
    const response = await app.request('/hello/Ada', refused)
    expect(response.headers.get('www-authenticate')).toContain('insufficient_scope')
    await expectProblem(response, 403, 'forbidden')
  })

  test.each([
    ['none', {}],
    ['an unknown one', bearer(`${name}_nobody`)],
    ['an empty one', { Authorization: 'Bearer ' }],
    ['another scheme', { Authorization: `Basic ${btoa('a:b')}` }],
  ])('%s gets a 401 with a challenge', async (_, headers) => {
    const response = await app.request('/hello/Ada', { headers: headers as Record<string, string> })
    expect(response.headers.get('www-authenticate')).toStartWith(`Bearer realm="${name}"`)
    await expectProblem(response, 401, 'unauthorized')
  })

  test('are not needed for health, version, pages and the OpenAPI document', async () => {
    for (const path of ['/hc', '/version', '/', '/docs', '/openapi.json']) {
      expect((await app.request(path)).status).toBe(200)
    }
  })
})

describe('the log', () => {
  test('has the route but not the user, the id from the request, and the trace', async () => {
    const log = memoryLog()
    const app = testApp({ log })
    const headers = {
      'X-Request-Id': 'mine-1',
      'X-Amzn-Trace-Id': 'Root=1-67891233-abcdef012345678912345678',
    }
    const response = await app.request('/hello/Ada', { headers })
    expect(response.headers.get('x-request-id')).toBe('mine-1')
    // A rollout's probe tells releases apart by it, even in failures.
    expect(response.headers.get('x-release')).toBe('release')
    expect(log.lines).toEqual([
      {
        event: 'request',
        requestId: 'mine-1',
        traceId: 'Root=1-67891233-abcdef012345678912345678',
        method: 'GET',
        route: '/hello/:username',
        status: 404,
        durationMs: expect.any(Number),
        bytes: (await response.text()).length,
      },
    ])
  })

  test('has health checks that fail, but at info none that succeeds', async () => {
    const log = memoryLog()
    await testApp({ log }).request('/hc')
    expect(log.lines).toEqual([])
    await testApp({ log, status: 'draining' }).request('/hc')
    expect(log.lines).toMatchObject([{ event: 'request', route: '/hc', status: 503 }])
  })

  test('ignores an id that is not safe to log', async () => {
    for (const id of ['a b', 'x'.repeat(256), '{"a":1}', 'ü']) {
      const response = await testApp().request('/hc', { headers: { 'X-Request-Id': id } })
      expect(response.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
    }
  })

  test('has the internal error; the response does not', async () => {
    const log = memoryLog()
    const store = {
      ...memoryStore(),
      birthdayOf: async () => {
        throw new UnreadableRecord(`${name}:v1:key`)
      },
    }
    const response = await testApp({ log, store }).request('/hello/Ada')
    const problem = await expectProblem(response, 500, 'internal-error')
    expect(JSON.stringify(problem)).not.toContain(`${name}:v1`)
    const { err, requestId } = log.lines[0] as unknown as { err: Error; requestId: unknown }
    expect(err.message).toContain(`${name}:v1:key`)
    expect(requestId).toBe(problem.instance)
  })

  test('has no user name in any line, whatever goes wrong', async () => {
    const log = memoryLog()
    const app = testApp({ log })
    await app.request('/hello/Xaviera', put({ dateOfBirth: '2999-01-01' }))
    await app.request('/hello/Xaviera', put('{'))
    await app.request('/hello/Xaviera', put({ dateOfBirth: '2000-01-01' }))
    await app.request('/hello/Xaviera/more')
    expect(log.lines).toHaveLength(4)
    expect(JSON.stringify(log.lines)).not.toContain('Xaviera')
  })
})
