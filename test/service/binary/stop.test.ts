import { expect, test } from 'bun:test'
import { readdirSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { openDatabase } from '../../../src/store/sqlite.ts'
import {
  command,
  healthy,
  type RunningService,
  save,
  startService,
} from '../../lab/support/executable.ts'
import { putLoad } from '../../lab/support/load.ts'
import { eventually, temporaryFolder } from '../../lab/support/process.ts'

/** A raw connection that has sent all of a PUT but its last byte, which the service has read. */
async function stuckRequest({ url }: RunningService) {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  let received = ''
  socket.on('data', (data) => {
    received += data
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  const { body } = EXAMPLE
  await new Promise<unknown>((written) =>
    socket.write(
      `PUT ${EXAMPLE.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`,
      written,
    ),
  )
  // What came first is read first.
  await fetch(`${url}/version`)
  return { finish: () => socket.write(body.slice(-1)), closed, received: () => received }
}

const answersNobody = ({ url }: RunningService) =>
  eventually('the listener is closed', async () => !(await fetch(`${url}/hc`).catch(() => false)))

test('SIGTERM under load: unhealthy at once, and no request fails while it drains', async () => {
  await using service = await startService({ DRAIN_SECONDS: '60' })
  await healthy(service)
  const load = putLoad(service.url, { writers: 16 })
  const answered = async (count: number) => {
    const from = load.outcomes.length
    await eventually(`${count} are answered`, () => load.outcomes.length >= from + count)
  }
  await answered(200)
  service.child.kill('SIGTERM')
  await eventually('/hc says draining', async () => {
    const response = await fetch(`${service.url}/hc`)
    expect(response.headers.get('connection')).toBe('close')
    return response.status === 503 && ((await response.json()) as object)
  })
  await answered(500)
  await load.stop()
  expect(load.outcomes.filter(({ status }) => status !== 204)).toEqual([])
}, 60_000)

test('a request in flight when the listener closes is finished', async () => {
  await using service = await startService({ DRAIN_SECONDS: '0' })
  await healthy(service)
  const request = await stuckRequest(service)
  service.child.kill('SIGTERM')
  await answersNobody(service)
  request.finish()
  await request.closed
  expect(request.received()).toStartWith('HTTP/1.1 204')
  expect(await service.child.exited).toBe(0)
}, 60_000)

test('a drain ends by itself, and a request that never does is not waited for', async () => {
  await using service = await startService({ DRAIN_SECONDS: '1', REQUEST_TIMEOUT_SECONDS: '1' })
  await healthy(service)
  const request = await stuckRequest(service)
  service.child.kill('SIGTERM')
  expect(await service.child.exited).toBe(0)
  await request.closed
  const events = (await service.log()).map(({ event }) => event)
  expect(events.slice(-1)).toEqual(['stopped'])
}, 60_000)

test('a second SIGTERM ends the drain, and still finishes requests in flight', async () => {
  await using service = await startService({ DRAIN_SECONDS: '600' })
  await healthy(service)
  const request = await stuckRequest(service)
  service.child.kill('SIGTERM')
  await eventually('the drain has begun', async () => !(await fetch(`${service.url}/hc`)).ok)
  service.child.kill('SIGTERM')
  await answersNobody(service)
  request.finish()
  await request.closed
  expect(request.received()).toStartWith('HTTP/1.1 204')
  expect(await service.child.exited).toBe(0)
  const events = (await service.log()).map(({ event }) => event)
  const last = events.slice(events.indexOf('stopping')).filter((event) => event !== 'request')
  expect(last).toEqual(['stopping', 'drain-ended', 'stopped'])
}, 60_000)

test('SIGINT, as sent by Ctrl-C, stops without a drain', async () => {
  await using service = await startService({ DRAIN_SECONDS: '60' })
  await healthy(service)
  await save(service.url)
  service.child.kill('SIGINT')
  expect(await service.child.exited).toBe(0)
}, 60_000)

test('SIGTERM while it starts ends it at once', async () => {
  using state = temporaryFolder()
  const db = openDatabase(join(state.path, `${name}.db`))
  const env = {
    STATE_DIRECTORY: state.path,
    BIND_ADDRESS: '127.0.0.1',
    ADMIN_PORT: '0',
    AUTH: 'none',
    DRAIN_SECONDS: '1',
  }
  await eventually('a start is ended that waits for its store', async () => {
    db.run('BEGIN IMMEDIATE')
    const child = Bun.spawn([...command, '0', 'production'], { env, stderr: 'ignore' })
    const files = `/proc/${child.pid}/fd`
    await eventually('it waits for the lock', () =>
      readdirSync(files).some((file) => readlinkSync(join(files, file)).endsWith('-wal')),
    ).finally(() => {
      child.kill('SIGTERM')
      db.run('COMMIT')
    })
    const out = await child.stdout.text()
    // After half a second it would have listened without its store.
    expect(out).toBe('')
    return (await child.exited) === 0
  })
  db.close()
}, 60_000)
