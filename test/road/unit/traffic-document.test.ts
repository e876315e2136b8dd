import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { $ } from 'bun'
import Registry from 'prom-client/lib/registry.js'
import { root, service } from '../../../scripts/lib/service.ts'
import { addRuntime, createMetrics } from '../../../src/telemetry/metrics.ts'

const release = { id: 'release', commit: 'commit', builtAt: '2026-01-02T03:04:05Z' }

/** A worker's listener for metrics, on loopback at `port`, or at any. */
async function worker(port = 0) {
  const registry = new Registry()
  const metrics = createMetrics(release, registry)
  await addRuntime(registry)
  const server = Bun.serve({
    port,
    hostname: '127.0.0.1',
    fetch: async () => new Response(await metrics.text()),
  })
  return { metrics, server, port: server.port as number }
}

/** Two workers at ports that follow one another. */
async function twoWorkers() {
  for (;;) {
    const first = await worker()
    try {
      return [first, await worker(first.port + 1)] as const
    } catch {
      void first.server.stop(true)
    }
  }
}

/** What the document prints on a machine with `cores`, whose workers have metrics from `port`. */
async function printed(port: number, cores: number): Promise<string> {
  const { mainSteps } = Bun.YAML.parse(
    await Bun.file(join(root, 'terraform/documents/traffic.yaml')).text(),
  ) as { mainSteps: { inputs: { runCommand: string[] } }[] }
  const script = `${mainSteps[0]?.inputs.runCommand.join('\n')}`
    .replace('. /usr/local/lib/app/defaults.env', `FIRST_ADMIN_PORT=${port}`)
    .replace('$(nproc)', String(cores))
  return await $`sh -c ${script}`.text()
}

test('tells in a line what each worker answered, without health checks and versions', async () => {
  const [one, two] = await twoWorkers()
  try {
    one.metrics.request('GET', '/a/:key', 200, 0.0004)
    one.metrics.request('PUT', '/a/:key', 204, 0.02)
    one.metrics.request('GET', '/a/:key', 503, 3)
    one.metrics.request('GET', 'none', 404, 0.0004)
    one.metrics.request('GET', service.health.path, 503, 0.0004)
    one.metrics.request('GET', service.version.path, 200, 0.0004)
    two.metrics.request('GET', '/a/:key', 500, 9)
    // A machine with three cores, where the third worker does not answer.
    const text = await printed(one.port, 3)
    expect(text.trimEnd()).not.toContain('\n')
    const said = JSON.parse(text)
    expect(Object.keys(said)).toEqual([String(one.port), String(two.port)])
    expect(said[one.port]).toMatchObject({ requests: 4, serverErrors: 1 })
    expect(said[one.port].started).toBeGreaterThan(1_700_000_000)
    expect(said[one.port].buckets).toMatchObject({ 0.0005: 2, 0.01: 2, 0.025: 3, 2.5: 3, 5: 4 })
    expect(said[two.port]).toMatchObject({ requests: 1, serverErrors: 1 })
    expect(said[two.port].buckets).toMatchObject({ 0.0005: 0, 5: 0 })
  } finally {
    await Promise.all([one.server.stop(true), two.server.stop(true)])
  }
})

test('tells of no worker where none answers', async () => {
  const { server, port } = await worker()
  await server.stop(true)
  expect(JSON.parse(await printed(port, 1))).toEqual({})
})
