import { expect, test } from 'bun:test'
import { hostname } from 'node:os'
import { name } from '../../../package.json'
import { startEtcd } from '../../lab/support/etcd.ts'
import { healthy, save, startService } from '../../lab/support/executable.ts'
import { end, eventually, freePort } from '../../lab/support/process.ts'
import { startRedis } from '../../lab/support/redis.ts'

const LEASE_SECONDS = '2'

async function openEtcd() {
  const server = await startEtcd()
  const etcdctl = (...args: string[]) => {
    const done = Bun.spawnSync(['etcdctl', `--endpoints=${server.endpoint}`, ...args], {
      env: { ...process.env, ETCDCTL_API: '3' },
    })
    if (done.exitCode !== 0) throw new Error(`etcdctl: ${done.stderr}`)
    return done.stdout.toString().split('\n').filter(Boolean)
  }
  return {
    server,
    ctl: etcdctl,
    put: (key: string, value: string) => etcdctl('put', key, value),
    /** Keys and values, alternating. */
    instances: () => etcdctl('get', '--prefix', `/${name}/instances/`),
    env: {
      ETCD_ENDPOINTS: server.endpoint,
      ETCD_LEASE_SECONDS: LEASE_SECONDS,
      INSTANCE_ID: 'i-one',
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

test('an instance registers under a lease that it keeps alive, and deregisters before it drains', async () => {
  await using etcd = await openEtcd()
  await using redis = await startRedis()
  etcd.put(`/${name}/redis-endpoint`, redis.endpoint)
  await using service = await startService({
    ...etcd.env,
    DRAIN_SECONDS: '600',
    ADVERTISE_ADDRESS: '10.1.2.3:5000',
  })
  await healthy(service)
  const registered = await eventually('the instance is registered', () => {
    const lines = etcd.instances()
    return lines.length > 0 && lines
  })
  expect(registered[0]).toStartWith(`/${name}/instances/i-one:`)
  expect(JSON.parse(registered[1] as string)).toEqual({
    address: '10.1.2.3:5000',
    release: expect.any(String),
  })
  const [, other] =
    /lease (\S+)/.exec(etcd.ctl('lease', 'grant', `${2 * Number(LEASE_SECONDS)}`)[0] ?? '') ?? []
  etcd.ctl('put', `--lease=${other}`, '/other', 'nobody renews it')
  await eventually(
    'a lease of twice the time has expired',
    () => etcd.ctl('get', '/other').length === 0,
  )
  expect(etcd.instances()).toHaveLength(2)

  service.child.kill('SIGTERM')
  await eventually('the instance has withdrawn', () => etcd.instances().length === 0)
  expect((await fetch(`${service.url}/version`)).status).toBe(200)
}, 60_000)

test('the entry of an instance that dies expires with its lease', async () => {
  await using etcd = await openEtcd()
  await using service = await startService(etcd.env)
  await eventually('the instance is registered', () => etcd.instances().length === 2)
  await end(service.child)
  await eventually('the entry has expired', () => etcd.instances().length === 0)
}, 60_000)

test('the Redis endpoint in etcd is followed when it appears and when it changes, without a failed request', async () => {
  await using etcd = await openEtcd()
  await using first = await startRedis()
  await using second = await startRedis()
  await using service = await startService(etcd.env)
  expect((await fetch(`${service.url}/hc`)).status).toBe(503)
  expect((await save(service.url)).status).toBe(503)

  etcd.put(`/${name}/redis-endpoint`, first.endpoint)
  await healthy(service)
  expect((await save(service.url)).status).toBe(204)
  expect(await first.client.dbsize()).toBe(1)

  etcd.put(`/${name}/redis-endpoint`, 'nonsense')
  etcd.put(`/${name}/redis-endpoint`, second.endpoint)
  const statuses = new Set<number>()
  await eventually('the new endpoint is in use', async () => {
    statuses.add((await save(service.url)).status)
    return (await second.client.dbsize()) === 1
  })
  expect([...statuses]).toEqual([204])
}, 60_000)

test('an etcd outage fails no request, and the instance registers again after it', async () => {
  await using etcd = await openEtcd()
  await using redis = await startRedis()
  etcd.put(`/${name}/redis-endpoint`, redis.endpoint)
  await using service = await startService(etcd.env)
  await healthy(service)
  await end(etcd.server.child)
  const statuses = new Set<number>()
  await eventually('the service has missed etcd twice', async () => {
    statuses.add((await save(service.url)).status)
    const lines = await service.log()
    return lines.filter(({ event }) => event === 'etcd-unavailable').length === 2
  })
  expect([...statuses]).toEqual([204])
  await etcd.server.restart()
  await eventually('the instance is registered again', () => etcd.instances().length === 2, {
    withinMs: 20_000,
  })
  const events = (await service.log()).map(({ event }) => event)
  expect(events).not.toContain('unhandled-rejection')
}, 60_000)

test('an instance on a port that the kernel chose registers that port', async () => {
  await using etcd = await openEtcd()
  await using service = await startService(etcd.env)
  const [, entry = ''] = await eventually('the instance is registered', () => {
    const lines = etcd.instances()
    return lines.length === 2 && lines
  })
  expect(JSON.parse(entry).address).toBe(`${hostname()}:${new URL(service.url).port}`)
})

test('an instance logs in to an etcd that has users, and asks the next endpoint where one does not answer', async () => {
  await using etcd = await openEtcd()
  for (const command of [
    ['user', 'add', 'root:root'],
    ['user', 'grant-role', 'root', 'root'],
    ['role', 'add', 'app'],
    ['role', 'grant-permission', 'app', '--prefix=true', 'readwrite', `/${name}/`],
    ['user', 'add', 'app:secret'],
    ['user', 'grant-role', 'app', 'app'],
    ['auth', 'enable'],
  ])
    etcd.ctl(...command)
  const endpoints = `http://127.0.0.1:${freePort()},${etcd.server.endpoint}`
  await using _service = await startService({
    ...etcd.env,
    ETCD_ENDPOINTS: endpoints,
    ETCD_USERNAME: 'app',
    ETCD_PASSWORD: 'secret',
  })
  await eventually('the instance is registered', () => {
    const found = etcd.ctl('--user=root:root', 'get', '--prefix', `/${name}/instances/`)
    return found.length === 2
  })
})

test('a Redis endpoint in etcd that names a host which is not allowed is said, and never connected to', async () => {
  await using etcd = await openEtcd()
  await using redis = await startRedis()
  let connections = 0
  using stranger = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { data() {}, open: () => void connections++ },
  })
  const port = redis.endpoint.split(':')[1]
  etcd.put(`/${name}/redis-endpoint`, `localhost:${port}`)
  await using service = await startService({
    ...etcd.env,
    ETCD_REDIS_HOSTS: 'localhost,*.example.com',
  })
  await healthy(service)
  etcd.put(`/${name}/redis-endpoint`, `localhost:${port},127.0.0.1:${stranger.port}`)
  etcd.put(`/${name}/redis-endpoint`, `127.0.0.1:${stranger.port}`)
  etcd.put(`/${name}/redis-endpoint`, `redis://app:hunter2@127.0.0.1:${stranger.port}`)
  const said = async () =>
    (await service.log()).filter(({ event }) => event === 'redis-endpoint-unusable')
  await eventually('the last is said', async () =>
    (await said()).some(({ expected }) => String(expected).startsWith('host:port')),
  )
  expect(await said()).toContainEqual(
    expect.objectContaining({ expected: 'hosts of ETCD_REDIS_HOSTS' }),
  )
  expect(JSON.stringify(await said())).not.toContain('hunter2')
  expect(connections).toBe(0)
  expect((await save(service.url)).status).toBe(204)
})

/** A stand-in for etcd that answers everything with `answer`, and records when it was asked for which path, and answered. */
function startImpostor(answer: (path: string) => unknown) {
  const asked: { path: string; from: number; to: number }[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch({ url }) {
      const { pathname: path } = new URL(url)
      const from = performance.now()
      const response = Response.json(await answer(path))
      asked.push({ path, from, to: performance.now() })
      return response
    },
  })
  return {
    asked,
    endpoint: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

test('a server that is not etcd is asked again only after a pause', async () => {
  await using impostor = startImpostor(() => ({}))
  await using service = await startService({ ETCD_ENDPOINTS: impostor.endpoint })
  const grants = await eventually('it is asked for three leases', () => {
    const some = impostor.asked.filter(({ path }) => path === '/v3/lease/grant')
    return some.length >= 3 && some
  })
  const pauses = grants.slice(1).map(({ from }, i) => from - Number(grants[i]?.to))
  expect(Math.min(...pauses)).toBeGreaterThan(900)
  const events = (await service.log()).map(({ event }) => event)
  expect(events.filter((event) => event === 'etcd-unavailable').length).toBeLessThan(3)
}, 60_000)

test('stopping while the instance registers leaves no entry behind', async () => {
  const begun = Promise.withResolvers<void>()
  const lease = Promise.withResolvers<void>()
  await using impostor = startImpostor(async (path) => {
    if (path !== '/v3/lease/grant') return {}
    begun.resolve()
    await lease.promise
    return { ID: '7' }
  })
  await using service = await startService({
    ETCD_ENDPOINTS: impostor.endpoint,
    DRAIN_SECONDS: '2',
  })
  await begun.promise
  service.child.kill('SIGTERM')
  await eventually('the service drains', async () => {
    const response = await fetch(`${service.url}/hc`)
    return JSON.stringify(await response.json()).includes('draining')
  })
  lease.resolve()
  await service.child.exited
  const paths = impostor.asked.map(({ path }) => path)
  expect(paths).not.toContain('/v3/kv/put')
  expect(paths).toContain('/v3/lease/revoke')
}, 60_000)
