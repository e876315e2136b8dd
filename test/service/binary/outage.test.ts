import { expect, test } from 'bun:test'
import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { name } from '../../../package.json'
import {
  healthy,
  type RunningService,
  read,
  save,
  startService,
} from '../../lab/support/executable.ts'
import { end, eventually } from '../../lab/support/process.ts'
import {
  QUICK_REPLICATION,
  type RedisServer,
  startCluster,
  startRedis,
} from '../../lab/support/redis.ts'

const ANSWER_LIMIT_MS = 1000

/**
 * Sends requests from 32 loops for `ms`; the statuses, the slowest answer, the 503s without Retry-After. `slowest.other`
 * is that of a path that needs no store, asked for meanwhile: how long the machine kept both waiting.
 */
async function ask(url: string, ms: number) {
  const statuses = new Map<number, number>()
  const slowest = { store: 0, other: 0 }
  let withoutRetryAfter = 0
  const until = performance.now() + ms
  const timed = async (what: keyof typeof slowest, send: () => Promise<Response>) => {
    const startedAt = performance.now()
    const response = await send()
    await response.arrayBuffer()
    slowest[what] = Math.max(slowest[what], performance.now() - startedAt)
    return response
  }
  const loops = Array.from({ length: 32 }, async (_, index) => {
    while (performance.now() < until) {
      const { status, headers } = await timed('store', () => (index % 2 ? save(url) : read(url)))
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (status === 503 && !headers.get('retry-after')) withoutRetryAfter++
      if (status === 503) await Bun.sleep(5)
    }
  })
  const other = (async () => {
    while (performance.now() < until) await timed('other', () => fetch(`${url}/version`))
  })()
  await Promise.all([...loops, other])
  return { statuses, slowest, withoutRetryAfter }
}

function residentBytes({ child }: RunningService): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
}

async function expectOutage(service: RunningService, ms: number): Promise<void> {
  await eventually('the outage is noticed', async () => (await read(service.url)).status === 503)
  const { statuses, slowest, withoutRetryAfter } = await ask(service.url, ms)
  expect([...statuses.keys()]).toEqual([503])
  expect(slowest.store - slowest.other).toBeLessThan(ANSWER_LIMIT_MS)
  expect(withoutRetryAfter).toBe(0)
  expect((await fetch(`${service.url}/hc`)).status).toBe(200)
  expect((await fetch(`${service.adminUrl}/ready`)).status).toBe(503)
}

async function expectService(service: RunningService): Promise<void> {
  await eventually('the service serves again', async () => (await save(service.url)).ok)
  const { statuses } = await ask(service.url, 300)
  expect([...statuses.keys()].sort()).toEqual([200, 204])
  expect((await fetch(`${service.adminUrl}/ready`)).status).toBe(200)
}

async function expectQuietLog(service: RunningService): Promise<void> {
  const lines = await service.log()
  const events = lines.map(({ event }) => event)
  expect(events).not.toContain('unhandled-rejection')
  expect(events).not.toContain('internal-error')
  // The tests are shorter than the minute after which there may be another.
  for (const event of ['store-connection', 'waiting-for-store']) {
    const reasons = lines.filter((line) => line.event === event && line.reason)
    expect(reasons.length).toBeLessThanOrEqual(1)
  }
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

test('with the database of SQLite removed: 503 problems that say so, until it is put back', async () => {
  await using service = await startService({ STATE_DIRECTORY: '.' })
  await healthy(service)
  await expectService(service)
  const file = join(service.folder, `${name}.db`)
  renameSync(file, `${file}.aside`)
  await expectOutage(service, 300)
  const ready = await (await fetch(`${service.adminUrl}/ready`)).text()
  expect(ready).toContain(
    'was removed, replaced or cut since it was opened: put it back, or restart',
  )
  renameSync(`${file}.aside`, file)
  await expectService(service)
  expect((await read(service.url)).status).toBe(200)
}, 20_000)

test('memory stops growing while Redis hangs under load', async () => {
  await using redis = await startRedis()
  await using service = await startService({ REDIS_ENDPOINT: redis.endpoint })
  await healthy(service)
  await expectService(service)
  redis.child.kill('SIGSTOP')
  // A heap has its size after some rounds; what requests leave behind, they leave in each.
  const levels = [residentBytes(service)]
  const grown = () => Number(levels.at(-1)) - (levels.at(-5) ?? 0)
  while (grown() > 16 * 2 ** 20 && levels.length < 15) {
    await expectOutage(service, 2000)
    levels.push(residentBytes(service))
  }
  redis.child.kill('SIGCONT')
  await expectService(service)
  const inMiB = levels.map((each) => Math.round(each / 2 ** 20))
  console.log(`MiB resident after each 2 s of a hung Redis: ${inMiB}`)
  expect(grown()).toBeLessThanOrEqual(16 * 2 ** 20)
}, 60_000)

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

test('/hc says starting, and the log why, until the store can be written, then ok', async () => {
  await using primary = await startRedis(QUICK_REPLICATION)
  await using redis = await startRedis([
    ...QUICK_REPLICATION,
    ...['--replicaof', '127.0.0.1', String(primary.port)],
  ])
  await using service = await startService({ REDIS_ENDPOINT: redis.endpoint })
  const starting = await fetch(`${service.url}/hc`)
  expect(starting.status).toBe(503)
  expect(await starting.json()).toEqual({ status: 'starting' })
  const why = await eventually('the log says why', async () =>
    (await service.log()).find(({ event }) => event === 'waiting-for-store'),
  )
  expect(why.reason).toBe('Redis: it is a replica: expected the primary')
  expect((await fetch(`${service.url}/hc`)).status).toBe(503)
  await redis.client.replicaof('NO', 'ONE')
  await healthy(service)
  await expectService(service)
  await expectQuietLog(service)
}, 60_000)

test('while the store cannot be reached, the log says why once', async () => {
  await using redis = await startRedis()
  await end(redis.child)
  await using service = await startService({ REDIS_ENDPOINT: redis.endpoint })
  const said = (event: string) =>
    eventually('the log says why', async () =>
      (await service.log()).find((line) => line.event === event && line.reason),
    )
  const nothing = `nothing listens at ${redis.endpoint} (ECONNREFUSED)`
  expect((await said('waiting-for-store')).reason).toBe(`Redis: ${nothing}`)
  expect((await said('store-connection')).reason).toBe(nothing)
  await redis.restart()
  await healthy(service)
  await expectQuietLog(service)
}, 60_000)

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
}, 60_000)
