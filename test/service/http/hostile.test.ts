import { describe, expect, spyOn, test } from 'bun:test'
import { createToken, parseTokenHashes } from '../../../src/config/tokens.ts'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { jsonPointer } from '../../../src/http/parse.ts'
import { expectProblem, memoryLog, noMetrics, put, testApp } from '../../lab/support/app.ts'

/** A body of `bytes` bytes that is well-formed. */
const padded = (bytes: number) => {
  const { body } = EXAMPLE
  return body + ' '.repeat(bytes - body.length)
}

const INHERITED = [...Object.getOwnPropertyNames(Object.prototype), 'prototype', 'length', 'name']

test.each(INHERITED)("/assets/%s is not looked up in an object's prototype", async (name) => {
  expect((await testApp().request(`/assets/${name}`)).status).toBe(404)
})

describe('an answer is short, whatever was asked:', () => {
  test('the first errors, and how many more there are', async () => {
    const body = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`k${index}`, 1]))
    const response = await testApp().request(EXAMPLE.path, put(body))
    const { errors } = (await response.json()) as { errors: { detail: string }[] }
    expect(errors).toHaveLength(6)
    // Besides the 1,000 properties that do not exist, some may be missing.
    expect(errors.at(-1)).toEqual({ detail: expect.stringMatching(/^and 99\d more$/) })
  })

  test('of a pointer a hundred characters', async () => {
    const [fits, long] = ['x'.repeat(99), 'y'.repeat(100)]
    const response = await testApp().request(EXAMPLE.path, put({ [fits]: 1, [long]: 1 }))
    const { errors } = (await response.json()) as { errors: { pointer: string }[] }
    const pointers = errors.map(({ pointer }) => pointer)
    expect(pointers).toContain(`/${fits}`)
    expect(pointers).toContain(`/${long.slice(1)}…`)
    expect(jsonPointer(['a', 0])).toBe('/a/0')
  })

  test.each([
    ['a long property', { [`~${'/'.repeat(16_000)}`]: 1 }],
    ['a property that JSON has to escape', { ['\u0000'.repeat(2000)]: 1 }],
    ['a thousand properties', Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [i, i]))],
    ['deep nesting', `${'['.repeat(8000)}${']'.repeat(8000)}`],
  ])('%s', async (_, body) => {
    const response = await testApp().request(EXAMPLE.path, put(body))
    expect(response.status).toBe(400)
    expect((await response.text()).length).toBeLessThan(2000)
  })

  test('a long path', async () => {
    const response = await testApp().request(`/${'x'.repeat(16_000)}`)
    expect(response.status).toBe(404)
    expect((await response.text()).length).toBeLessThan(1000)
  })
})

describe('the log has of a caller', () => {
  test.each([
    ['a trace id of 5 kB', `Root=${'1'.repeat(5000)}`],
    ['one with other characters', 'Root=1"\\{}'],
    ['one that is not ASCII', 'Root=1-ü'],
  ])('not %s', async (_, id) => {
    const log = memoryLog()
    await testApp({ log }).request(EXAMPLE.path, { headers: { 'X-Amzn-Trace-Id': id } })
    expect(log.lines).toMatchObject([{ event: 'request', traceId: undefined }])
  })

  test('a trace id with all its fields', async () => {
    const log = memoryLog()
    const id = 'Self=1-67891234-12456789abcdef012345678;Root=1-67891233-abcdef012345678912345678'
    await testApp({ log }).request(EXAMPLE.path, { headers: { 'X-Amzn-Trace-Id': id } })
    expect(log.lines).toMatchObject([{ traceId: id }])
  })

  test('the route of a method that it does not allow', async () => {
    const log = memoryLog()
    await testApp({ log }).request(EXAMPLE.path, { method: 'PATCH' })
    expect(log.lines).toMatchObject([{ route: EXAMPLE.route, status: 405 }])
  })
})

describe('a body', () => {
  test.each([
    [16 * 1024, 204],
    [16 * 1024 + 1, 413],
  ])('of %d bytes gets %d, with and without a length', async (bytes, status) => {
    const app = testApp()
    const body = padded(bytes)
    const withLength = put(body, { 'Content-Length': String(bytes) })
    for (const init of [withLength, put(body)]) {
      const response = await app.request(EXAMPLE.path, init)
      expect(response.status).toBe(status)
      expect(response.headers.get('connection')).toBe(status === 413 ? 'close' : null)
    }
  })

  const { body: _, ...request } = put('')

  /** Sends `count` parts of a body, of a mebibyte each; returns the response and how many were read. */
  async function sendParts(count: number, headers: Record<string, string> = {}) {
    let read = 0
    const body = new ReadableStream(
      {
        pull(controller) {
          if (read === count) return controller.close()
          read++
          controller.enqueue(new Uint8Array(2 ** 20))
        },
      },
      { highWaterMark: 0 },
    )
    const init = { ...request, headers: { ...request.headers, ...headers }, body }
    const { status } = await testApp().request(EXAMPLE.path, init)
    return { status, read }
  }

  test('that is of no use is read to its end, up to 64 MiB', async () => {
    for (const [headers, most] of [
      [{}, 66],
      [{ 'Content-Length': '99999999' }, 65],
    ] as const) {
      expect(await sendParts(60, headers)).toEqual({ status: 413, read: 60 })
      expect(await sendParts(99, headers)).toEqual({ status: 413, read: most })
    }
  })

  test('has the time of a request to arrive, and whoever breaks it off is told so', async () => {
    const breaking = (error?: Error) =>
      new ReadableStream({
        async pull(controller) {
          if (error) return controller.error(error)
          await Bun.sleep(30)
          controller.enqueue(Buffer.from(EXAMPLE.body))
          controller.close()
        },
      })
    using timer = spyOn(globalThis, 'setTimeout')
    const slow = await testApp().request(EXAMPLE.path, { ...request, body: breaking() })
    expect(slow.status).toBe(204)
    expect(timer.mock.calls.map(([, ms]) => ms)).toContain(5000)
    const never = { ...request, body: new ReadableStream({ pull: () => new Promise(() => {}) }) }
    const late = await testApp({ requestTimeoutSeconds: 0.02 }).request(EXAMPLE.path, never)
    expect(late.headers.get('connection')).toBe('close')
    await expectProblem(late, 408, 'request-timeout')
    const broken = { ...request, body: breaking(new DOMException('', 'AbortError')) }
    await expectProblem(await testApp().request(EXAMPLE.path, broken), 400, 'incomplete-body')
  })
})

describe('every response', () => {
  test('forbids browsers to guess what it is', async () => {
    for (const path of ['/', '/hc', EXAMPLE.path, '/nope', '/openapi.json', '/assets/index.js']) {
      const { headers } = await testApp().request(path)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
  })

  test('says HSTS with TLS, and only then', async () => {
    const tls = { certFile: '', keyFile: '' }
    const header = 'strict-transport-security'
    expect((await testApp({ tls }).request('/hc')).headers.get(header)).toContain('max-age=')
    expect((await testApp().request('/hc')).headers.get(header)).toBeNull()
  })

  test('to HEAD has the length that GET would have', async () => {
    for (const path of ['/', '/docs', '/hc', '/version', '/openapi.json', '/nope']) {
      const head = await testApp().request(path, { method: 'HEAD' })
      const body = await (await testApp().request(path)).arrayBuffer()
      expect(head.headers.get('content-length')).toBe(String(body.byteLength))
    }
  })
})

test('the metrics have seconds, and the log milliseconds, of the same time', async () => {
  const log = memoryLog()
  const counted: unknown[][] = []
  const metrics = {
    ...noMetrics,
    request: (...all: unknown[]) => void counted.push(all),
  }
  const began = performance.now()
  await testApp({ log, metrics }).request(EXAMPLE.path)
  const [{ durationMs } = {}] = log.lines as unknown as { durationMs: number }[]
  expect(durationMs).toBeGreaterThan(0)
  expect(durationMs).toBeLessThanOrEqual(performance.now() - began)
  const [[method, route, status, seconds] = []] = counted
  expect([method, route, status]).toEqual(['GET', EXAMPLE.route, 404])
  expect(Number(seconds) * 1000).toBeCloseTo(durationMs ?? 0, 2)
})

describe('a token', () => {
  const { token, entry } = createToken('read')

  test.each(['Bearer', 'bearer', 'BEARER'])('is accepted after %s', async (scheme) => {
    const app = testApp({ tokens: parseTokenHashes(entry) })
    const response = await app.request(EXAMPLE.path, {
      headers: { Authorization: `${scheme} ${token}` },
    })
    expect(response.status).toBe(404)
  })
})

describe('a page that the client has', () => {
  const paths = ['/', '/docs', '/openapi.json', '/assets/index.css']
  const ask = async (path: string, headers: Record<string, string>, method = 'GET') =>
    testApp().request(path, { method, headers })
  const tagOf = async (path: string, encoding = 'identity') =>
    (await ask(path, { 'Accept-Encoding': encoding })).headers.get('etag') ?? ''

  test('is not sent again, when its tag is the only one, weak, in a list, or any', async () => {
    for (const path of paths) {
      const tag = await tagOf(path)
      for (const known of [tag, `W/${tag}`, `"other", ${tag}`, `W/"x",W/${tag} , "y"`, '*']) {
        for (const method of ['GET', 'HEAD']) {
          const response = await ask(path, { 'If-None-Match': known }, method)
          expect(response.status).toBe(304)
          expect(response.headers.get('etag')).toBe(tag)
          expect(response.headers.get('vary')).toBe('Accept-Encoding')
          for (const header of ['content-length', 'content-type', 'content-encoding'])
            expect(response.headers.get(header)).toBeNull()
        }
      }
    }
  })

  test('is sent again to a client that has another', async () => {
    for (const known of ['"other"', 'W/"other"', '', (await tagOf('/')).replaceAll('"', '')]) {
      expect((await ask('/', { 'If-None-Match': known })).status).toBe(200)
    }
  })

  test('has one tag for each encoding', async () => {
    for (const path of paths) {
      const compressed = await tagOf(path, 'gzip')
      expect(compressed).not.toBe(await tagOf(path))
      expect((await ask(path, { 'If-None-Match': compressed })).status).toBe(200)
      const both = { 'If-None-Match': compressed, 'Accept-Encoding': 'gzip' }
      expect((await ask(path, both)).status).toBe(304)
    }
  })

  test.each([
    ['gzip', true],
    ['GZIP', true],
    ['br, gzip;q=0.5', true],
    ['x-gzip', true],
    ['*', true],
    ['gzip;q=0', false],
    ['gzip; q=0.000', false],
    ['*;q=0, gzip', true],
    ['gzip;q=0, *', false],
    ['identity', false],
    ['notgzip', false],
    ['', false],
  ])('is compressed for Accept-Encoding: %s only where that says so: %p', async (accept, gzip) => {
    const { headers } = await ask('/docs', { 'Accept-Encoding': accept })
    expect(headers.get('content-encoding')).toBe(gzip ? 'gzip' : null)
  })
})
