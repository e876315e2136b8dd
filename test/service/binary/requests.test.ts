import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { METHODS } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { canary } from '../../../scripts/lib/domain/canary.ts'
import { createToken } from '../../../src/config/tokens.ts'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { healthy, type RunningService, startService } from '../../lab/support/executable.ts'
import { end, eventually, freePort } from '../../lab/support/process.ts'

const { token, entry } = createToken('write')
let service: RunningService
beforeAll(async () => {
  service = await startService({ TOKENS: entry, REQUEST_TIMEOUT_SECONDS: '2' })
  await healthy(service)
})
afterAll(() => service[Symbol.asyncDispose]())

const portOf = ({ url }: { url: string }) => Number(new URL(url).port)

/** Sends `parts` and returns what came back until the connection was closed or, if there is one, `isEnough`. */
function send(
  port: number,
  parts: (string | Uint8Array)[],
  isEnough: (text: string) => boolean = () => false,
): Promise<{ received: string; reset: boolean }> {
  return new Promise((resolve) => {
    const outcome = { received: '', reset: false }
    const socket = connect(port, '127.0.0.1', () => {
      for (const part of parts) socket.write(part)
    })
    socket.on('data', (data) => {
      outcome.received += data
      if (isEnough(outcome.received)) socket.destroy()
    })
    socket.on('error', () => {
      outcome.reset = true
    })
    socket.on('close', () => resolve(outcome))
  })
}

const hasStatus = (text: string) => /^HTTP\/1\.1 \d{3} .*\r\n\r\n/s.test(text)
const statusOf = (text: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])

describe('a method', () => {
  // Bun reads these from a list of its own.
  const unknownToBun = ['FOO', 'get', 'DEBUG', 'PRI', 'TRACK']

  test('that HTTP knows and the path does not gets 405 with Allow', async () => {
    const others = METHODS.filter((method) => !['GET', 'HEAD'].includes(method))
    for (const method of others) {
      const request = `${method} /hc HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`
      const { received } = await send(portOf(service), [request], hasStatus)
      expect([method, statusOf(received)]).toEqual([method, 405])
      expect(received).toMatch(/\r\nAllow: GET, HEAD\r\n/i)
    }
  })

  // src/README.md says so. When this fails, Bun answers by itself: take the sentence there back.
  test.each(unknownToBun)(
    'that Bun does not know, %s, is refused without an answer',
    async (method) => {
      const request = `${method} /hc HTTP/1.1\r\nHost: x\r\n\r\n`
      expect((await send(portOf(service), [request])).received).toBe('')
    },
  )
})

// src/README.md says so, and RFC 9112 wants 400. When this fails, Bun mends it: take the sentence there back.
test('a second Host is accepted', async () => {
  const request = 'GET /hc HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
  expect(statusOf((await send(portOf(service), [request], hasStatus)).received)).toBe(200)
})

test.each([
  ['/a/../hc', '/hc', 200],
  ['/a/%2e%2E/hc', '/hc', 200],
  ['/a\\..\\hc', '/hc', 200],
  ['/%68c', '/hc', 200],
  [`/hc/..${EXAMPLE.path}`, EXAMPLE.route, 401],
  [EXAMPLE.path.replace('e', '%65'), EXAMPLE.route, 401],
  [`${EXAMPLE.path}..%2fhc`, EXAMPLE.route, 401],
  [`/${EXAMPLE.path}`, 'none', 404],
  [`${EXAMPLE.path}/`, 'none', 404],
  ['/%2fhc', 'none', 404],
  ['/HC', 'none', 404],
])('the path %s is %s, as in a browser, with its protection: %d', async (path, route, status) => {
  const id = crypto.randomUUID()
  const request = `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\n\r\n`
  expect(statusOf((await send(portOf(service), [request], hasStatus)).received)).toBe(status)
  if (route === '/hc') return
  const line = await eventually('it is logged', async () =>
    (await service.log()).find(({ requestId }) => requestId === id),
  )
  expect(line.route).toBe(route)
})

test('no target, Host or property makes a failure of the service', async () => {
  const targets = [
    ...[
      '*',
      'hc',
      '//',
      '//evil/hc',
      '/%',
      '/%zz',
      `${EXAMPLE.path}%`,
      `${EXAMPLE.path}%ff`,
      `${EXAMPLE.path}%00`,
      `${EXAMPLE.path}..`,
    ],
    ...[
      'http://evil:99999/hc',
      'http://[/hc',
      'http://',
      '/../hc',
      '/hc#x',
      '/\\hc',
      '/assets/__proto__',
    ],
    `${EXAMPLE.path}${'%CC%81'.repeat(2000)}`,
  ]
  const hosts = [
    '',
    'a b',
    '[',
    '[::1',
    'x:99999',
    'a@b',
    '\xff',
    '/',
    'x?y',
    'http://x',
    'x'.repeat(5000),
  ]
  const bodies = [`{"__proto__":${EXAMPLE.body}}`, '{"constructor":1}', '1e400', '"\ud800"']
  const end = 'Connection: close\r\n\r\n'
  const auth = `Authorization: Bearer ${token}\r\n`
  const requests = [
    ...targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n${auth}${end}`),
    ...hosts.map((host) => `GET ${EXAMPLE.path} HTTP/1.1\r\nHost: ${host}\r\n${auth}${end}`),
    ...bodies.map(
      (body) =>
        `PUT ${EXAMPLE.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${auth}Content-Length: ${Buffer.byteLength(body)}\r\n${end}${body}`,
    ),
  ]
  const refused: string[] = []
  for (const request of requests) {
    const { received } = await send(portOf(service), [request])
    if (!/^HTTP\/1\.1 [234]/.test(received)) refused.push(`${request.slice(0, 60)}: ${received}`)
  }
  expect(refused).toEqual([])
  const events = await eventually('the last of them is logged', async () => {
    const lines = await service.log()
    const last = lines.filter(({ method, status }) => method === 'PUT' && status === 400)
    return last.length >= bodies.length && new Set(lines.map(({ event }) => event))
  })
  expect([...events].sort()).toEqual(['listening', 'request'])
  expect(await service.stderr()).toBe('')
})

/** A request for `path` with a body of `size` bytes. */
function withBody(
  size: number,
  {
    method = 'PUT',
    path = EXAMPLE.path,
    type = 'application/json',
    bearer = token,
    chunked = false,
  },
): (string | Uint8Array)[] {
  const head = [
    `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n`,
    bearer && `Authorization: Bearer ${bearer}\r\n`,
    chunked ? 'Transfer-Encoding: chunked\r\n\r\n' : `Content-Length: ${size}\r\n\r\n`,
  ]
  const body = Buffer.alloc(size, 'x')
  const end = chunked ? '\r\n0\r\n\r\n' : ''
  return [head.join('') + (chunked ? `${size.toString(16)}\r\n` : ''), body, end]
}

const LARGE_BYTES = 8_000_000
const AT_ONCE = 12
const large = [
  ['with a token', {}, 413],
  ['in chunks', { chunked: true }, 413],
  ['without a token', { bearer: '' }, 401],
  ['of another type', { type: 'text/plain' }, 415],
  ['for a path that does not exist', { path: '/nope' }, 404],
  ['with a method that is not allowed', { method: 'POST' }, 405],
] as const

describe('a body of 8 MB gets its answer, not a reset,', () => {
  test.each(large)('%s', async (_, options, status) => {
    const request = withBody(LARGE_BYTES, options)
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, () => send(portOf(service), request, hasStatus)),
    )
    for (const { received, reset } of answers)
      expect([statusOf(received), reset]).toEqual([status, false])
  })

  test('through HAProxy too, and so does one that takes too long', async () => {
    const port = freePort()
    const file = join(service.folder, 'haproxy.cfg')
    writeFileSync(
      file,
      `defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
listen service
  bind 127.0.0.1:${port}
  server one 127.0.0.1:${portOf(service)}
`,
    )
    const proxy = Bun.spawn(['haproxy', '-f', file], { stdout: 'ignore', stderr: 'ignore' })
    try {
      await eventually(
        'HAProxy listens',
        async () => (await fetch(`http://127.0.0.1:${port}/hc`)).ok,
      )
      for (const [, options, status] of large) {
        const request = withBody(LARGE_BYTES, options)
        const answers = await Promise.all(
          Array.from({ length: AT_ONCE }, () => send(port, request, hasStatus)),
        )
        expect(answers.map(({ received }) => statusOf(received))).toEqual(
          Array.from({ length: AT_ONCE }, () => status),
        )
      }
      // One byte is missing.
      for (const [size, status] of [
        [1000, 408],
        [100_000, 413],
      ] as const) {
        const [head = '', body = ''] = withBody(size, {})
        const { received } = await send(port, [head, body.slice(1)], hasStatus)
        expect(statusOf(received)).toBe(status)
      }
    } finally {
      await end(proxy)
    }
  }, 60_000)
})

// src/README.md names both. When one of these fails, Bun was mended: take the sentence back.
describe('of Bun it is known that', () => {
  const auth = `Authorization: Bearer ${token}\r\n`
  const pathOf = (word: string) => canary.readNothing(canary.keyOf(word, 0)).path
  const stored = async (path: string) =>
    (await fetch(service.url + path, { headers: { Authorization: `Bearer ${token}` } })).status

  test('a chunked body with a trailer is carried out, and then answered with 400', async () => {
    const { body } = EXAMPLE
    const request = `PUT ${pathOf('Trailer')} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${auth}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\nX-Trailer: 1\r\n\r\n`
    const { received } = await send(portOf(service), [request])
    expect(received).toContain('HTTP/1.1 400')
    expect(await stored(pathOf('Trailer'))).toBe(200)
  })

  test('of two pipelined requests the first is carried out, and neither is answered', async () => {
    const { body } = EXAMPLE
    const put = `PUT ${pathOf('Piped')} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${auth}Content-Length: ${body.length}\r\n\r\n${body}`
    const get = `GET ${pathOf('Piped')} HTTP/1.1\r\nHost: x\r\n${auth}\r\n`
    const { received } = await send(portOf(service), [put + get])
    expect(received).toBe('')
    expect(await stored(pathOf('Piped'))).toBe(200)
  })
})
