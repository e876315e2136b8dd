import { expect, test } from 'bun:test'
import Registry from 'prom-client/lib/registry.js'
import { name } from '../../../package.json'
import {
  addRuntime,
  createMetrics,
  registerMachine,
  registerSecrets,
} from '../../../src/telemetry/metrics.ts'

const release = { id: 'r', commit: 'c', builtAt: 't' }

test('requests, store operations, the build, the machine and the secrets are counted and told, each time anew', async () => {
  const registry = new Registry()
  const metrics = createMetrics(release, registry)
  for (const seconds of [0.0005, 0.003, 4, 6]) metrics.request('GET', '/a', 200, seconds)
  metrics.request('PUT', '/a', 204, 0.003)
  const { succeeded, failed } = metrics.storeOperation('read')
  metrics.storeOperation('save').succeeded()
  succeeded()
  failed()
  let readAt = 7
  registerSecrets(registry, () => ({ fingerprint: `f${readAt}`, readAt }))
  const machine = { zone: 'UTC', tzdata: '2026a', from: 'here' }
  registerMachine(registry, { ...machine, certificate: { expiresAtSeconds: 5 } })
  await metrics.text()
  readAt = 8
  const lines = (await metrics.text()).split('\n').filter(Boolean)
  const values = lines.filter((line) => !line.startsWith('#'))
  const get = 'method="GET",route="/a",status="200"'
  const bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
  const duration = 'http_request_duration_seconds'
  expect(values.filter((line) => !line.includes('"PUT"'))).toEqual([
    ...bounds.map((le) => {
      const count = le < 0.005 ? 1 : le < 5 ? 2 : 3
      return `${duration}_bucket{le="${le}",${get}} ${count}`
    }),
    `${duration}_bucket{le="+Inf",${get}} 4`,
    `${duration}_sum{${get}} ${0.0005 + 0.003 + 4 + 6}`,
    `${duration}_count{${get}} 4`,
    `http_requests_total{${get}} 4`,
    'store_operations_total{operation="read"} 2',
    'store_operations_total{operation="save"} 1',
    'store_errors_total{operation="read"} 1',
    'store_errors_total{operation="save"} 0',
    `${name.replaceAll('-', '_')}_build_info{version="r",commit="c",built_at="t",bun="${Bun.version}"} 1`,
    'secrets_read_timestamp_seconds{fingerprint="f8"} 8',
    'time_zone_info{zone="UTC",tzdata="2026a",from="here"} 1',
    'tls_certificate_expiry_timestamp_seconds 5',
  ])
  expect(values).toContain('http_requests_total{method="PUT",route="/a",status="204"} 1')
  const series = new Set(values.map((line) => /^(\w+?)(_bucket|_sum|_count)?[ {]/.exec(line)?.[1]))
  for (const each of series) {
    expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^# HELP ${each} [A-Z].+\\.$`)))
    expect(lines).toContainEqual(
      expect.stringMatching(new RegExp(`^# TYPE ${each} (counter|gauge|histogram)$`)),
    )
  }
})

test('without a certificate none expires; those of the runtime come when they are added', async () => {
  const registry = new Registry()
  registerMachine(registry, { zone: 'UTC', tzdata: 'a', from: 'b', certificate: undefined })
  expect(await registry.metrics()).not.toContain('tls_certificate')
  await addRuntime(registry)
  expect(await registry.metrics()).toContain('process_resident_memory_bytes ')
})
