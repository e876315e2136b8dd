import { afterAll, describe, expect, spyOn, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { root } from '../../../scripts/lib/service.ts'
import type { RedisConfig } from '../../../src/config/config.ts'
import { openStore } from '../../../src/store/open.ts'
import { memoryLog } from '../../lab/support/app.ts'
import { eventually } from '../../lab/support/process.ts'
import { startProxy } from '../../lab/support/proxy.ts'
import {
  QUICK_REPLICATION,
  type RedisServer,
  startCluster,
  startRedis,
  startSentinelGroup,
} from '../../lab/support/redis.ts'
import { redisConfig, redisStore, unreadyRedisStore } from '../../lab/support/store.ts'
import { makeCertificate } from '../../lab/support/tls.ts'
import { keyOf } from './contract.ts'

const stack = new AsyncDisposableStack()
afterAll(() => stack.disposeAsync())

const [ADA, ALAN] = ['Ada', 'Alan'].map(keyOf) as [string, string]

/** Why a store is not ready, when it has one reason for good. */
async function reason(endpoint: string, options: Partial<RedisConfig> = {}): Promise<string> {
  const store = unreadyRedisStore(endpoint, options)
  try {
    return await eventually('the reason is known', async () => {
      const { message } = await store.ping().then(
        () => new Error('none: it is ready'),
        (error: Error) => error,
      )
      return !/connecting to/.test(message) && message
    })
  } finally {
    await store.close()
  }
}

const replicaOf = (primary: RedisServer, ...extra: string[]) =>
  startRedis([
    ...QUICK_REPLICATION,
    ...['--replicaof', '127.0.0.1', String(primary.port)],
    ...extra,
  ])

const inStep = (replica: RedisServer) =>
  eventually('the replica is in step', async () =>
    (await replica.client.info('replication')).includes('master_link_status:up'),
  )

describe('a store is not ready', () => {
  test('that is a replica, even one that takes writes', async () => {
    await using primary = await startRedis(QUICK_REPLICATION)
    for (const readOnly of ['yes', 'no']) {
      await using replica = await replicaOf(primary, '--replica-read-only', readOnly)
      await inStep(replica)
      expect(await reason(replica.endpoint)).toBe('Redis: it is a replica: expected the primary')
    }
  })

  test('whose user may not read, save or forget', async () => {
    await using redis = await startRedis()
    for (const missing of ['get', 'set', 'del']) {
      const rules = ['get', 'set', 'del'].filter((command) => command !== missing)
      await redis.client.call(
        ...(['ACL', 'SETUSER', missing, 'on', '>s3cret', `~${name}:*`] as const),
        ...rules.map((command) => `+${command}`),
      )
      const found = await reason(redis.endpoint, { username: missing, password: 's3cret' })
      expect(found).toMatch(new RegExp(`NOPERM .*'?${missing}'?`))
    }
  })

  test('that refuses writes for another cause: too few replicas, no memory', async () => {
    await using redis = await startRedis()
    const { client, endpoint } = redis
    await client.config('SET', 'min-replicas-to-write', '1')
    expect(await reason(endpoint)).toContain('NOREPLICAS Not enough good replicas to write')
    await client.config('SET', 'min-replicas-to-write', '0')
    await client.config('SET', 'maxmemory', '1')
    expect(await reason(endpoint)).toContain('OOM command not allowed')
    await client.config('SET', 'maxmemory', '0')
    const store = await redisStore(endpoint)
    await store.close()
  })

  test('in which too few replicas have a write', async () => {
    await using primary = await startRedis(QUICK_REPLICATION)
    await using replica = await replicaOf(primary)
    await inStep(replica)
    const store = await redisStore(primary.endpoint, { waitReplicas: 1 })
    await eventually('the replica has a write', () => store.set(ADA, 'value').then(() => true))
    const demanding = unreadyRedisStore(primary.endpoint, { waitReplicas: 2 })
    const refused = '1 of 2 replicas have the write after 400 ms'
    // Where the machine stalls, a command times out before Redis has counted.
    for (const ask of [() => demanding.set(ADA, 'value'), () => demanding.ping()])
      await eventually('the one replica is told', async () => {
        const error = await ask().catch((error: Error) => error)
        return error?.message.includes(refused)
      })
    await demanding.close()
    await store.close()
  })

  test('that does not know a command, whose arguments are nowhere in the error', async () => {
    await using redis = await startRedis(['--rename-command', 'SET', ''])
    const store = unreadyRedisStore(redis.endpoint)
    const error = await eventually('it is connected', async () => {
      const error = await store.set(ADA, '1987-06-05').catch((error: Error) => error)
      return error?.message.includes('unknown command') && error
    })
    expect(error.message).toMatch(/^Redis: ERR unknown command .set.$/i)
    expect(Bun.inspect(error)).not.toContain('1987-06-05')
    await store.close()
    await using keyless = await startRedis([
      ...['--rename-command', 'HELLO', ''],
      ...['--rename-command', 'AUTH', ''],
    ])
    const found = await reason(keyless.endpoint, { username: name, password: 's3cret' })
    expect(found).toMatch(/^Redis: ERR unknown command .auth.$/i)
  })

  test('that loads its data, and is ready with the first question after it has', async () => {
    await using redis = await startRedis(['--dbfilename', 'dump.rdb'])
    const pipeline = redis.client.pipeline()
    for (let index = 0; index < 20_000; index++) pipeline.set(`${name}:filler:${index}`, 'x')
    await pipeline.exec()
    await redis.client.save()
    await redis.launch([
      // Microseconds for each key.
      ...['--key-load-delay', '100'],
      ...['--loading-process-events-interval-bytes', '1024'],
    ])
    const store = unreadyRedisStore(redis.endpoint)
    await eventually('the store says why', async () => {
      const error = await store.ping().catch((error: Error) => error)
      return error?.message === 'Redis: LOADING Redis is loading the dataset in memory'
    })
    const ask = ['redis-cli', '-p', String(redis.port), 'info', 'persistence']
    await eventually(
      'it has loaded',
      () => Bun.spawnSync(ask).stdout.toString().includes('\nloading:0'),
      { withinMs: 30_000 },
    )
    await store.ping()
    await store.close()
  }, 60_000)

  test('that is a cluster without enough replicas, or without all its slots', async () => {
    await using cluster = await startCluster({ replicas: 0 })
    expect(await reason(cluster.endpoint, { mode: 'cluster', waitReplicas: 1 })).toContain(
      '0 of 1 replicas have the write',
    )
    const store = await redisStore(cluster.endpoint, { mode: 'cluster' })
    for (const { client } of cluster.servers) await client.call('CLUSTER', 'DELSLOTS', '0')
    await eventually('the cluster is down', () =>
      store.ping().then(
        () => false,
        (error: Error) => /^Redis: Timed out after: CLUSTERDOWN/.test(error.message),
      ),
    )
    await store.close()
    expect(await reason(cluster.endpoint, { mode: 'cluster' })).toContain('CLUSTERDOWN')
  })

  test('in another mode than configured', async () => {
    await using cluster = await startCluster({ replicas: 0 })
    const [node = ''] = cluster.endpoint.split(',')
    expect(await reason(node)).toContain('a node of a cluster: expected REDIS_MODE=cluster')
    await using group = await startSentinelGroup()
    const [sentinel = ''] = group.endpoint.split(',')
    expect(await reason(sentinel)).toContain('a Sentinel: expected REDIS_MODE=sentinel')
    expect(await reason(sentinel, { mode: 'sentinel', sentinelMaster: 'nobody' })).toContain(
      'knows no master of the name REDIS_SENTINEL_MASTER',
    )
    const { endpoint } = group.primary
    expect(await reason(endpoint, { mode: 'sentinel' })).toContain(`${endpoint} is no Sentinel`)
    expect(await reason(endpoint, { mode: 'cluster' })).toContain(`${endpoint} is no cluster`)
  }, 60_000)
})

describe('in standalone mode and as a cluster, a store that cannot be reached says why in words', () => {
  const modes = ['standalone', 'cluster'] as const
  test.each(modes)(
    '%s',
    async (mode) => {
      const certificate = stack.use(makeCertificate())
      await using plain = await startRedis()
      await using tls = await startRedis(
        [
          ...['--port', '0', '--tls-auth-clients', 'no'],
          ...['--tls-cert-file', certificate.certFile, '--tls-key-file', certificate.keyFile],
        ],
        { portOption: '--tls-port', tls: { ca: certificate.pem } },
      )
      using web = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('') })
      const port = web.port
      const of = (endpoint: string, options: Partial<RedisConfig> = {}) =>
        reason(endpoint, { mode, ...options })
      expect(await of(tls.endpoint)).toBe(
        `Redis: ${tls.endpoint} closes the connection before it answers: a port with TLS needs REDIS_TLS=true`,
      )
      expect(await of(plain.endpoint, { tls: true })).toMatch(
        new RegExp(`${plain.endpoint} .* a port without TLS .*REDIS_TLS=false`),
      )
      expect(await of(tls.endpoint, { tls: true })).toBe('Redis: self signed certificate')
      expect(await of('127.0.0.1:1')).toContain('nothing listens at 127.0.0.1:1 (ECONNREFUSED)')
      expect(await of('nowhere.invalid:1')).toContain('the host of nowhere.invalid:1 is not found')
      expect(await of(`127.0.0.1:${port}`)).toContain(`127.0.0.1:${port} is no Redis`)
      expect(await of(plain.endpoint, { username: name, password: 'wrong' })).toContain(
        'WRONGPASS invalid username-password pair',
      )
      await plain.client.config('SET', 'requirepass', 's3cret')
      expect(await of(plain.endpoint)).toContain('NOAUTH ')
    },
    60_000,
  )
})

describe('the permissions that src/README.md names', () => {
  const readme = readFileSync(join(root, 'src/README.md'), 'utf8')
  const [, always = ''] = /`(~[\w-]+:\* [^`]*)`/.exec(readme) ?? []
  const rules = always.replace(/[\w-]+/, name).split(' ')
  const grant = (server: RedisServer, ...more: string[]) =>
    server.client.call('ACL', 'SETUSER', name, 'on', '>s3cret', ...rules, ...more)
  const login = { username: name, password: 's3cret' }

  async function works(endpoint: string, options: Partial<RedisConfig>): Promise<void> {
    const warn = spyOn(console, 'warn')
    const error = spyOn(console, 'error')
    const store = await redisStore(endpoint, { ...login, ...options })
    await store.set(ADA, 'value')
    expect(await store.get(ADA)).toBe('value')
    expect(await store.delete(ADA)).toBe(true)
    await store.close()
    expect([...warn.mock.calls, ...error.mock.calls]).toEqual([])
    warn.mockRestore()
    error.mockRestore()
  }

  test('suffice, and ioredis prints no warning', async () => {
    expect(readme).toContain('`+wait` with `REDIS_WAIT_REPLICAS`')
    expect(readme).toContain('`+cluster|slots +asking` in a cluster')
    await using redis = await startRedis()
    await grant(redis)
    await works(redis.endpoint, {})
    await using cluster = await startCluster()
    for (const server of cluster.servers) await grant(server, '+cluster|slots', '+asking', '+wait')
    await works(cluster.endpoint, { mode: 'cluster', waitReplicas: 1 })
    await using group = await startSentinelGroup()
    for (const server of [group.primary, ...group.replicas]) await grant(server, '+wait')
    await works(group.endpoint, { mode: 'sentinel', waitReplicas: 1 })
  }, 60_000)

  test('a password that Redis does not ask for is no reason for a warning either', async () => {
    await using cluster = await startCluster({ replicas: 0 })
    const warn = spyOn(console, 'warn')
    const store = await redisStore(cluster.endpoint, { mode: 'cluster', password: 'needless' })
    await store.close()
    expect(warn.mock.calls).toEqual([])
    warn.mockRestore()
  })
})

test('a primary that becomes a replica fails no read, and writes go to the new primary once its address leads there', async () => {
  await using primary = await startRedis(QUICK_REPLICATION)
  await using other = await startRedis(QUICK_REPLICATION)
  using proxy = startProxy(primary.port)
  const { records: store } = openStore(
    { stateDirectory: '', redis: redisConfig(`127.0.0.1:${proxy.port}`) },
    memoryLog(),
  )
  await eventually('the store answers', () => store.ping().then(() => true))
  await store.set(ADA, 'value')
  let reading = true
  let reads = 0
  const reader = (async () => {
    for (; reading; reads++) expect(await store.get(ADA)).toBe('value')
  })()

  await other.client.set(ADA, 'value')
  await primary.client.replicaof('127.0.0.1', other.port)
  await inStep(primary)
  const before = reads
  let refused = 0
  await eventually('writes are refused for some time', async () => {
    await store.set(ALAN, 'value').catch((error: Error) => {
      expect(error.message).toStartWith('Redis: READONLY')
      refused++
    })
    return refused > 50 && reads > before + 50
  })
  proxy.target = other.port
  await eventually('writes arrive', () => store.set(ALAN, 'value').then(() => true))
  expect(await other.client.dbsize()).toBe(2)
  reading = false
  await reader
  await store.close()
})
