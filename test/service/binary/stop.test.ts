import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { healthy, save, startService } from '../../lab/support/executable.ts'
import { putLoad } from '../../lab/support/load.ts'
import { eventually } from '../../lab/support/process.ts'

/** A raw connection that has sent all of a PUT but its last byte. */
function stuckRequest(url: string) {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  let received = ''
  socket.on('data', (data) => {
    received += data
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  const { body } = EXAMPLE
  socket.write(
    `PUT ${EXAMPLE.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`,
  )
  return { finish: () => socket.write(body.slice(-1)), closed, received: () => received }
}

test('SIGTERM under load: unhealthy at once, no request fails while it drains, exit code 0', async () => {
  await using service = await startService({ DRAIN_SECONDS: '2' })
  await healthy(service)
  const load = putLoad(service.url, { writers: 16 })
  await Bun.sleep(300)
  const before = load.outcomes.length
  service.child.kill('SIGTERM')
  await eventually('/hc says draining', async () => {
    const response = await fetch(`${service.url}/hc`)
    expect(response.headers.get('connection')).toBe('close')
    return response.status === 503 && ((await response.json()) as object)
  })
  // A load balancer that has seen three failed checks sends no more.
  await Bun.sleep(1000)
  const during = load.outcomes.length - before
  await load.stop()
  expect(await service.child.exited).toBe(0)
  console.log(
    `SIGTERM under load: ${before} requests before, ${during} while draining, all answered`,
  )
  expect(during).toBeGreaterThan(50)
  expect(load.outcomes.filter(({ status }) => status !== 204)).toEqual([])
  const events = (await service.log()).map(({ event }) => event)
  expect(events.slice(-1)).toEqual(['stopped'])
}, 20_000)

test('a request in flight when the listener closes is finished', async () => {
  await using service = await startService({ DRAIN_SECONDS: '0' })
  await healthy(service)
  const request = stuckRequest(service.url)
  await Bun.sleep(200)
  service.child.kill('SIGTERM')
  await Bun.sleep(500)
  request.finish()
  await request.closed
  expect(request.received()).toStartWith('HTTP/1.1 204')
  expect(await service.child.exited).toBe(0)
}, 10_000)

test('a request that never ends does not delay the stop past its deadline', async () => {
  await using service = await startService({ REQUEST_TIMEOUT_SECONDS: '1' })
  await healthy(service)
  const request = stuckRequest(service.url)
  await Bun.sleep(200)
  const startedAt = performance.now()
  service.child.kill('SIGTERM')
  expect(await service.child.exited).toBe(0)
  expect(performance.now() - startedAt).toBeLessThan(3000)
  await request.closed
}, 10_000)

test('a second SIGTERM ends the drain, and still finishes requests in flight', async () => {
  await using service = await startService({ DRAIN_SECONDS: '60' })
  await healthy(service)
  const request = stuckRequest(service.url)
  await Bun.sleep(200)
  service.child.kill('SIGTERM')
  await Bun.sleep(200)
  service.child.kill('SIGTERM')
  await Bun.sleep(300)
  request.finish()
  await request.closed
  expect(request.received()).toStartWith('HTTP/1.1 204')
  expect(await service.child.exited).toBe(0)
  expect((await service.log()).at(-1)).toMatchObject({ event: 'stopped' })
}, 10_000)

test('SIGINT, as sent by Ctrl-C, stops without a drain', async () => {
  await using service = await startService({ DRAIN_SECONDS: '60' })
  await healthy(service)
  await save(service.url)
  service.child.kill('SIGINT')
  expect(await service.child.exited).toBe(0)
}, 10_000)
