import { describe, expect, spyOn, test } from 'bun:test'
import { name } from '../../../package.json'
import { canary } from '../../../scripts/lib/domain/canary.ts'
import { createToken, parseTokenHashes } from '../../../src/config/tokens.ts'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { StoreUnavailable, UnreadableRecord } from '../../../src/store/key-value.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { expectProblem, memoryLog, put, testApp } from '../../lab/support/app.ts'

describe('a body', () => {
  test('that is not JSON, not declared as JSON, or too large is refused', async () => {
    const app = testApp()
    await expectProblem(await app.request(EXAMPLE.path, put('{')), 400, 'malformed-json')
    await expectProblem(await app.request(EXAMPLE.path, put('')), 400, 'malformed-json')
    const { body: _, ...none } = put('')
    await expectProblem(await app.request(EXAMPLE.path, none), 400, 'malformed-json')
    await expectProblem(
      await app.request(EXAMPLE.path, put(EXAMPLE.body, { 'Content-Type': 'text/plain' })),
      415,
      'unsupported-media-type',
    )
    await expectProblem(
      await app.request(
        EXAMPLE.path,
        put(`"${'x'.repeat(20_000)}"`, { 'Content-Length': '20002' }),
      ),
      413,
      'body-too-large',
    )
  })

  test.each([
    ['Application/JSON; charset=utf-8', 'Identity', 204],
    ['application/json;charset="UTF-8"; profile=x;', '', 204],
    ['application/json; charset=utf-16', '', 415],
    ['application/json; charset="latin1"', '', 415],
    ['application/json; charset', '', 415],
    ['application/json, text/plain', '', 415],
    ['application/jsonp', '', 415],
    ['application/json', 'gzip', 415],
    ['application/json', 'identity, br', 415],
  ])('of the type %s and the encoding "%s" gets %d', async (type, encoding, status) => {
    const headers = { 'Content-Type': type, ...(encoding && { 'Content-Encoding': encoding }) }
    const response = await testApp().request(EXAMPLE.path, put(EXAMPLE.body, headers))
    expect(response.status).toBe(status)
    if (status === 204) return
    const wanted = response.headers.get(encoding ? 'accept-encoding' : 'accept')
    expect(wanted).toBe(encoding ? 'identity' : 'application/json')
  })
})

describe('every path', () => {
  test('that does not exist gets a 404 problem', async () => {
    for (const path of ['/nope', `${EXAMPLE.path}/more/`, '/assets/none.js', '/HC']) {
      const { detail } = await expectProblem(await testApp().request(path), 404, 'unknown-path')
      // It may hold a name.
      expect(detail).not.toContain(path)
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
      const response = await app.request(path.replace(/\{\w+\}/g, 'Ada'), { method: 'PATCH' })
      await expectProblem(response, 405, 'method-not-allowed')
      const methods = Object.keys(operations).filter((key) => key !== 'parameters')
      const allowed = methods.flatMap((method) =>
        method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()],
      )
      expect(response.headers.get('allow')?.split(', ').sort()).toEqual(allowed.sort())
    }
  })

  test('answers HEAD where it answers GET, without a body', async () => {
    for (const path of ['/hc', '/version', '/', '/docs', '/openapi.json']) {
      const response = await testApp().request(path, { method: 'HEAD' })
      expect(response.status).toBe(200)
      expect(await response.text()).toBe('')
    }
  })
})

describe('the pages', () => {
  const html = 'text/html; charset=utf-8'
  const types: Record<string, string> = {
    css: 'text/css; charset=utf-8',
    js: 'text/javascript; charset=utf-8',
    svg: 'image/svg+xml; charset=utf-8',
  }

  test('have all that they refer to, each of its type, and no browser does more with it than they need', async () => {
    const app = testApp()
    const pages = await Promise.all(
      ['/', '/docs'].map(async (path) => (await app.request(path)).text()),
    )
    const assets = [...pages.join().matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path = '']) => path)
    const expected = [
      ...['/', '/docs'].map((path) => [path, html] as const),
      ...assets.map((path) => [path, types[path.split('.').at(-1) ?? '']] as const),
      ['/openapi.json', 'application/json'] as const,
    ]
    expect(new Set(assets).size).toBe(7)
    for (const [path, type] of expected) {
      const { status, headers } = await app.request(path)
      expect([path, status, headers.get('content-type')]).toEqual([path, 200, type ?? ''])
      expect(headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/)
      expect(headers.get('content-security-policy')).toStartWith(
        "default-src 'none'; script-src 'self';",
      )
      expect(headers.get('permissions-policy')).toStartWith('camera=()')
      expect(headers.toJSON()).toMatchObject({
        'cache-control': 'no-cache',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
      })
    }
  })

  test('are compressed once, when they are first asked for', async () => {
    using gzip = spyOn(Bun, 'gzipSync')
    const app = testApp()
    for (const path of ['/', '/', '/openapi.json', '/openapi.json']) await app.request(path)
    expect(gzip).toHaveBeenCalledTimes(2)
  })

  test('/docs/ is moved to /docs', async () => {
    const { status, headers } = await testApp().request('/docs/')
    expect([status, headers.get('location')]).toEqual([308, '/docs'])
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
    const response = await testApp().request('/version')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.json()).toEqual({
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
    const init = put(EXAMPLE.body, bearer(writer.token))
    expect((await app.request(EXAMPLE.path, init)).status).toBe(204)
    for (const { token } of [reader, writer]) {
      expect((await app.request(EXAMPLE.path, { headers: bearer(token) })).status).toBe(200)
    }
    const refused = put(EXAMPLE.body, bearer(reader.token))
    const response = await app.request(EXAMPLE.path, refused)
    expect(response.headers.get('www-authenticate')).toContain('insufficient_scope')
    await expectProblem(response, 403, 'forbidden')
  })

  test.each([
    ['none', {}],
    ['an unknown one', bearer(`${name}_nobody`)],
    ['an empty one', { Authorization: 'Bearer ' }],
    ['another scheme', { Authorization: `Basic ${btoa('a:b')}` }],
  ])('%s gets a 401 with a challenge', async (_, headers) => {
    const response = await app.request(EXAMPLE.path, { headers: headers as Record<string, string> })
    const isUnknown = _.startsWith('an unknown')
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer realm="${name}"${isUnknown ? ', error="invalid_token"' : ''}`,
    )
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
    const response = await app.request(EXAMPLE.path, { headers })
    expect(response.headers.get('x-request-id')).toBe('mine-1')
    // A rollout's probe tells releases and images apart by them, even in failures.
    expect(response.headers.get('x-release')).toBe('release')
    expect(response.headers.get('x-instance')).toBe('i-test')
    expect(log.lines).toEqual([
      {
        event: 'request',
        requestId: 'mine-1',
        traceId: 'Root=1-67891233-abcdef012345678912345678',
        method: 'GET',
        route: EXAMPLE.route,
        status: 404,
        durationMs: expect.any(Number),
        bytes: (await response.text()).length,
      },
    ])
  })

  test('has the label of the token, no route where there is none, and no bytes where there is no body', async () => {
    const log = memoryLog()
    const { token, entry } = createToken('write', 'ci')
    const app = testApp({ log, tokens: parseTokenHashes(entry) })
    await app.request(EXAMPLE.path, put(EXAMPLE.body, { Authorization: `Bearer ${token}` }))
    await app.request('/', { method: 'HEAD' })
    await app.request('/nope', { method: 'HEAD' })
    expect(log.lines).toMatchObject([
      { route: EXAMPLE.route, token: 'ci', status: 204, bytes: 0 },
      { route: '/', token: undefined, status: 200, bytes: 0 },
      { route: 'none', status: 404, bytes: 0 },
    ])
  })

  test('has why the store is not available, which the response asks to try again', async () => {
    const log = memoryLog()
    const get = async () => {
      throw new StoreUnavailable('it is down')
    }
    const app = testApp({ log, records: { ...createMemoryStore(), get } })
    const response = await app.request(EXAMPLE.path)
    const { instance: requestId } = await expectProblem(response, 503, 'store-unavailable')
    expect(response.headers.get('retry-after')).toBe('1')
    expect(log.lines).toMatchObject([
      { event: 'store-unavailable', requestId, reason: 'it is down' },
      { event: 'request', status: 503 },
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
    const records = {
      ...createMemoryStore(),
      get: async () => {
        throw new UnreadableRecord(`${name}:v1:key`)
      },
    }
    const response = await testApp({ log, records }).request(EXAMPLE.path)
    const problem = await expectProblem(response, 500, 'internal-error')
    expect(JSON.stringify(problem)).not.toContain(`${name}:v1`)
    expect(log.lines).toMatchObject([{ event: 'internal-error' }, { event: 'request' }])
    const { err, requestId } = log.lines[0] as unknown as { err: Error; requestId: unknown }
    expect(err.message).toContain(`${name}:v1:key`)
    expect(requestId).toBe(problem.instance)
  })

  test('has no user name in any line, whatever goes wrong', async () => {
    const log = memoryLog()
    const app = testApp({ log })
    const { path } = canary.readNothing(canary.keyOf('Xaviera', 0))
    for (const body of ['{}', '{', EXAMPLE.body]) await app.request(path, put(body))
    await app.request(`${path}/more`)
    expect(log.lines).toHaveLength(4)
    expect(JSON.stringify(log.lines)).not.toContain('Xaviera')
  })
})
