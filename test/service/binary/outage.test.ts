import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { healthy, type RunningService, save, startService } from '../../lab/support/executable.ts'
import { end, eventually } from '../../lab/support/process.ts'
import { type RedisServer, startCluster, startRedis } from '../../lab/support/redis.ts'

const ANSWER_LIMIT_MS = 1000

/** Sends requests from 32 loops for `ms`; the statuses, the slowest answer, the 503s without Retry-After. */
async function ask(url: string, ms: number) {
  const statuses = new Map<number, number>()
  let slowest = 0
  let withoutRetryAfter = 0
  const until = performance.now() + ms
  const loops = Array.from({ length: 32 }, async (_, index) => {
    while (performance.now() < until) {
      const startedAt = performance.now()
      const response =
        index % 2 ? await save(url, 'Ada', '1815-12-10') : await fetch(`${url}/hello/Ada`)
      await response.arrayBuffer()
      slowest = Math.max(slowest, performance.now() - startedAt)
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
      if (response.status === 503 && !response.headers.get('retry-after')) withoutRetryAfter++
      if (response.status === 503) await Bun.sleep(5)
    }
  })
  await Promise.all(loops)
  return { statuses, slowest, withoutRetryAfter }
}

function residentBytes({ child }: RunningService): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
}

async function expectOutage(service: RunningService, ms: number): Promise<void> {
  await Bun.sleep(600)
  const { statuses, slowest, withoutRetryAfter } = await ask(service.url, ms)
  expect([...statuses.keys()]).toEqual([503])
  expect(slowest).toBeLessThan(ANSWER_LIMIT_MS)
  expect(withoutRetryAfter).toBe(0)
  expect((await fetch(`${service.url}/hc`)).status).toBe(200)
  expect((await fetch(`${service.adminUrl}/ready`)).status).toBe(503)
}

async function expectService(service: RunningService): Promise<void> {
  await eventually(
    'the service serves again',
    async () => (await save(service.url, 'Ada', '1815-12-10')).ok,
  )
  const { statuses } = await ask(service.url, 300)
  expect([...statuses.keys()].sort()).toEqual([200, 204])
  expect((await fetch(`${service.adminUrl}/ready`)).status).toBe(200)
}

async function expectQuietLog(service: RunningService): Promise<void> {
  const events = (await service.log()).map(({ event }) => event)
  expect(events).not.toContain('unhandled-rejection')
  expect(events).not.toContain('internal-error')
  expect(await service.stderr()).toBe('')
}

const outages: [
  string,
  (redis: RedisServer) => Promise<void>,
  (redis: RedisServer) => Promise<void>,
][] = [
  ['stopped and started', (redis) => end(redis.child, 'SIGTERM'), (redis) => redis.restart()],
  [
    'hung and resumed',
    async ({ child }) => child.kill('SIGSTOP'),
    async ({ child }) => child.kill('SIGCONT'),
  ],
  [
    'hung, killed and started',
    async ({ child }) => child.kill('SIGSTOP'),
    (redis) => redis.restart(),
  ],
]

test.each(outages)(
  'with Redis %s: 503 problems within a second, /hc stays 200, and it recovers by itself',
  async (_, stop, start) => {
    await using redis = await startRedis()
    await using service = await startService({ REDIS_ENDPOINT: redis.endpoint })
    await healthy(service)
    await expectService(service)
    await stop(redis)
    await expectOutage(service, 2000)
    await start(redis)
    await expectService(service)
    await expectQuietLog(service)
  },
  30_000,
)

test('memory does not grow while Redis hangs for long under load', async () => {
  await using redis = await startRedis()
  await using service = await startService({ REDIS_ENDPOINT: redis.endpoint })
  await healthy(service)
  await expectService(service)
  redis.child.kill('SIGSTOP')
  await expectOutage(service, 3000)
  const early = residentBytes(service)
  await expectOutage(service, 6000)
  const grown = residentBytes(service) - early
  redis.child.kill('SIGCONT')
  await expectService(service)
  console.log(`6 s of a hung Redis under load: ${(grown / 2 ** 20).toFixed(1)} MiB more`)
  expect(grown).toBeLessThan(16 * 2 ** 20)
}, 40_000)

test('a cluster that hangs entirely gets 503 problems within a second, and is found again', async () => {
  await using cluster = await startCluster()
  await using service = await startService({
    REDIS_ENDPOINT: cluster.endpoint,
    REDIS_MODE: 'cluster',
  })
  await healthy(service)
  await expectService(service)
  for (const { child } of cluster.servers) child.kill('SIGSTOP')
  await expectOutage(service, 2500)
  for (const { child } of cluster.servers) child.kill('SIGCONT')
  await expectService(service)
  await expectQuietLog(service)
}, 40_000)

test('/hc says starting until the store has answered once since boot, then ok', async () => {
  await using redis = await startRedis()
  await end(redis.child)
  await using service = await startService({ REDIS_ENDPOINT: redis.endpoint })
  const starting = await fetch(`${service.url}/hc`)
  expect(starting.status).toBe(503)
  expect(await starting.json()).toEqual({ status: 'starting' })
  await redis.restart()
  await healthy(service)
}, 20_000)

test('the latch in RUNTIME_DIRECTORY survives a restart of the process', async () => {
  await using redis = await startRedis()
  const runtime = redis.folder
  const env = { REDIS_ENDPOINT: redis.endpoint, RUNTIME_DIRECTORY: runtime }
  {
    await using service = await startService(env)
    await healthy(service)
  }
  await end(redis.child)
  await using service = await startService(env)
  expect((await fetch(`${service.url}/hc`)).status).toBe(200)
}, 20_000)
