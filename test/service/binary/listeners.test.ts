import { expect, test } from 'bun:test'
import { connect, createServer } from 'node:net'
import { name } from '../../../package.json'
import { OPERATIONS } from '../../../src/domain/store.ts'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { healthy, read, save, startService } from '../../lab/support/executable.ts'
import { eventually, freePort } from '../../lab/support/process.ts'
import { startRedis } from '../../lab/support/redis.ts'
import { makeCertificate } from '../../lab/support/tls.ts'

const [reading, saving] = OPERATIONS

test('with a certificate the service itself speaks TLS, and sends HSTS', async () => {
  using certificate = makeCertificate()
  await using service = await startService({
    TLS_CERT_FILE: certificate.certFile,
    TLS_KEY_FILE: certificate.keyFile,
  })
  expect(service.url).toStartWith('https://')
  const url = service.url.replace('127.0.0.1', 'localhost')
  const response = await eventually('it is healthy', async () => {
    const answer = await fetch(`${url}/hc`, { tls: { ca: certificate.pem } })
    return answer.ok && answer
  })
  expect(response.headers.get('strict-transport-security')).toContain('max-age=')
})

test('/metrics counts requests by route and status, counts store operations, and identifies the build', async () => {
  await using service = await startService()
  await healthy(service)
  await save(service.url)
  await save(service.url, { body: '{}' })
  for (let count = 0; count < 3; count++) await read(service.url)
  await fetch(`${service.url}/nope${EXAMPLE.path}`)
  const text = await (await fetch(`${service.adminUrl}/metrics`)).text()
  const value = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')
        .at(-1),
    )
  const route = `route="${EXAMPLE.route}"`
  expect(value(`http_requests_total{method="GET",${route},status="200"}`)).toBe(3)
  expect(value(`http_requests_total{method="PUT",${route},status="204"}`)).toBe(1)
  expect(value(`http_requests_total{method="PUT",${route},status="400"}`)).toBe(1)
  expect(value('http_requests_total{method="GET",route="none",status="404"}')).toBe(1)
  expect(value(`http_request_duration_seconds_count{method="GET",${route},status="200"}`)).toBe(3)
  expect(value(`store_operations_total{operation="${reading}"}`)).toBe(3)
  expect(text).toContain(`${name.replaceAll('-', '_')}_build_info{version="`)
  expect(text).not.toContain(EXAMPLE.path)
  await eventually('those of the runtime are there, too', async () => {
    const later = await (await fetch(`${service.adminUrl}/metrics`)).text()
    return ['nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes'].every((metric) =>
      new RegExp(`^${metric} \\d`, 'm').test(later),
    )
  })
})

test('nothing of the warm-up is in the log, the metrics or the store', async () => {
  await using service = await startService()
  await healthy(service)
  const text = await (await fetch(`${service.adminUrl}/metrics`)).text()
  expect(text).not.toContain(`route="${EXAMPLE.route}"`)
  // Counters exist from the start, at zero, so that the first failure is an increase.
  for (const counter of ['store_operations_total', 'store_errors_total']) {
    expect(text).toContain(`${counter}{operation="${reading}"} 0\n`)
    expect(text).toContain(`${counter}{operation="${saving}"} 0\n`)
  }
  const requests = (await service.log()).filter(({ event }) => event === 'request')
  expect(requests.filter(({ route }) => route !== '/hc')).toEqual([])
  expect((await read(service.url)).status).toBe(404)
})

test('the admin listener has /metrics and /ready, on loopback only; the service has neither', async () => {
  await using service = await startService({ BIND_ADDRESS: '0.0.0.0' })
  await healthy(service)
  expect((await fetch(`${service.adminUrl}/ready`)).status).toBe(200)
  expect((await fetch(`${service.adminUrl}/`)).status).toBe(404)
  expect(service.adminUrl).toStartWith('http://127.0.0.1:')
  const url = service.url.replace('0.0.0.0', '127.0.0.1')
  for (const path of ['/metrics', '/ready']) {
    expect((await fetch(url + path)).status).toBe(404)
    const head = await fetch(service.adminUrl + path, { method: 'HEAD' })
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(0)
    const { status, headers } = await fetch(service.adminUrl + path, { method: 'POST' })
    expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  }
})

test('every request is logged as a JSON line with what an operator needs', async () => {
  await using service = await startService({ INSTANCE_ID: 'i-0abc' })
  await healthy(service)
  const { headers } = await save(service.url)
  const line = await eventually('the request is logged', async () =>
    (await service.log()).find(({ requestId }) => requestId === headers.get('x-request-id')),
  )
  expect(line).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    environment: 'local',
    instance: 'i-0abc',
    release: expect.any(String),
    event: 'request',
    requestId: expect.any(String),
    method: 'PUT',
    route: EXAMPLE.route,
    status: 204,
    durationMs: expect.any(Number),
    bytes: 0,
  })
})

test('LOG_LEVEL=debug logs good health checks, too', async () => {
  await using service = await startService({ LOG_LEVEL: 'debug' })
  await healthy(service)
  await eventually('one is logged', async () =>
    (await service.log()).some(
      ({ level, route, status }) => level === 'debug' && route === '/hc' && status === 200,
    ),
  )
})

test('a worker listens when its store answers, so that none of its requests fails; without a store after half a second', async () => {
  await using redis = await startRedis()
  await using slow = await delayed(redis.port, 200)
  await using service = await startService({ REDIS_ENDPOINT: `127.0.0.1:${slow.port}` })
  expect((await save(service.url)).status).toBe(204)

  await using alone = await startService({ REDIS_ENDPOINT: `127.0.0.1:${freePort()}` })
  expect(await (await fetch(`${alone.url}/hc`)).json()).toEqual({ status: 'starting' })
})

/** Connects to `port` after `ms`, whoever connects to it. */
async function delayed(port: number, ms: number) {
  const server = createServer((client) => {
    setTimeout(() => {
      const store = connect(port, '127.0.0.1')
      for (const [one, other] of [
        [client, store],
        [store, client],
      ] as const) {
        one.pipe(other)
        one.on('error', () => other.destroy())
      }
    }, ms)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port: own } = server.address() as { port: number }
  return { port: own, [Symbol.asyncDispose]: async () => void server.close() }
}
