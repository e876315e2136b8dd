import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { name } from '../../../package.json'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import {
  healthy,
  type RunningService,
  read,
  save,
  startService,
} from '../../lab/support/executable.ts'
import { eventually } from '../../lab/support/process.ts'

let service: RunningService
beforeAll(async () => {
  service = await startService({ REQUEST_TIMEOUT_SECONDS: '2' })
  await healthy(service)
})
afterAll(() => service[Symbol.asyncDispose]())

const IDLE_CONNECTIONS = 10_000

/** A raw connection to the service and what it received. */
async function open() {
  const { port } = new URL(service.url)
  const socket = connect(Number(port), '127.0.0.1')
  const state = { received: '', closed: false }
  socket.on('data', (data) => {
    state.received += data
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    state.closed = true
  })
  await new Promise<void>((resolve) => socket.on('connect', () => resolve()))
  return {
    socket,
    state,
    answered: () => eventually('it is answered', () => state.received || state.closed),
  }
}

/** Sends `text` a byte at a time until the connection is closed; resolves after the first ten, with what ends it. */
function drip(socket: Socket, text: string): Promise<() => void> {
  let sent = 0
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (sent < text.length && !socket.destroyed) socket.write(text.slice(sent, ++sent))
      if (sent >= 10 || socket.destroyed) resolve(stop)
    }, 50)
    const stop = () => {
      clearInterval(timer)
      socket.destroy()
    }
  })
}

async function expectService(): Promise<void> {
  expect((await save(service.url)).status).toBe(204)
  expect((await read(service.url)).status).toBe(200)
}

describe('others are served while', () => {
  test('a hundred clients send their headers a byte at a time', async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, open))
    const head = `GET ${EXAMPLE.path} HTTP/1.1\r\nHost: x\r\nX-Slow: ${'a'.repeat(1000)}\r\n\r\n`
    const stops = await Promise.all(clients.map(({ socket }) => drip(socket, head)))
    await expectService()
    for (const stop of stops) stop()
  })

  test('a hundred clients send their bodies a byte at a time, and get 408', async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, open))
    const head = `PUT ${EXAMPLE.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`
    for (const { socket } of clients) socket.write(head)
    const stops = await Promise.all(clients.map(({ socket }) => drip(socket, ' '.repeat(1000))))
    await expectService()
    await Promise.all(clients.map(({ answered }) => answered()))
    for (const { state } of clients) expect(state.received).toStartWith('HTTP/1.1 408')
    for (const stop of stops) stop()
  }, 60_000)

  test(`${IDLE_CONNECTIONS} connections are idle`, async () => {
    const clients = await Promise.all(Array.from({ length: IDLE_CONNECTIONS }, open))
    clients[0]?.socket.write('GET /hc HTTP/1.1\r\nHost: x\r\n\r\n')
    await clients[0]?.answered()
    await expectService()
    expect(clients.filter(({ state }) => state.closed)).toEqual([])
    for (const { socket } of clients) socket.destroy()
  }, 60_000)
})

describe('a malformed request', () => {
  test.each([
    ['something that is not HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['no Host', 'GET /hc HTTP/1.1\r\n\r\n'],
    [
      'both a length and chunks',
      `PUT ${EXAMPLE.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['20 KiB of headers', `GET /hc HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(20 * 1024)}\r\n\r\n`],
    ['a path of 20 KiB', `GET /${'a'.repeat(20 * 1024)} HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a negative length', `PUT ${EXAMPLE.path} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n`],
  ])('with %s is refused without affecting others', async (_, bytes) => {
    const { socket, state, answered } = await open()
    socket.write(bytes)
    await answered()
    expect(state.received === '' || /^HTTP\/1\.1 4\d\d/.test(state.received)).toBe(true)
    socket.destroy()
    await expectService()
  })

  test('whose client disconnects halfway is not a failure of the service', async () => {
    const head = `PUT ${EXAMPLE.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`
    for (const rest of [
      'Content-Length: 100\r\n\r\n{"d',
      'Transfer-Encoding: chunked\r\n\r\n3\r\n{"d\r\n',
    ]) {
      const { socket } = await open()
      await new Promise<unknown>((written) => socket.write(head + rest, written))
      // What came first is read first.
      await expectService()
      socket.destroy()
    }
    await expectService()
    await eventually('both are logged as incomplete', async () => {
      const log = await service.log()
      return log.filter(({ method, status }) => method === 'PUT' && status === 400).length >= 2
    })
  })

  test('of HTTP/1.0 without a Host is served', async () => {
    const { socket, state, answered } = await open()
    socket.write('GET /hc HTTP/1.0\r\n\r\n')
    await answered()
    expect(state.received).toContain('200 OK')
    expect(state.received).toContain('{"status":"ok"}')
    socket.destroy()
  })

  test.each([
    ['16 KiB and a byte', 16 * 1024 + 1],
    ['40 MiB', 40 * 1024 * 1024],
  ])('with a body of %s gets a 413 problem, with and without a length', async (_, size) => {
    const body = `"${'x'.repeat(size - 2)}"`
    const chunked = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(body))
        controller.close()
      },
    })
    for (const sent of [body, chunked]) {
      const response = await save(service.url, { body: sent })
      expect(response.status).toBe(413)
      expect(await response.json()).toMatchObject({ type: `urn:${name}:problem:body-too-large` })
    }
    await expectService()
  })

  test('leaves nothing in the log but requests', async () => {
    const events = new Set((await service.log()).map(({ event }) => event))
    expect([...events].sort()).toEqual(['listening', 'request'])
    expect(await service.stderr()).toBe('')
  })
})
