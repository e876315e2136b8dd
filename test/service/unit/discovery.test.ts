import { expect, spyOn, test } from 'bun:test'
import { isAllowed, startDiscovery } from '../../../src/discovery/discovery.ts'
import { createEtcdClient } from '../../../src/discovery/etcd.ts'
import { memoryLog } from '../../lab/support/app.ts'
import { createVirtualClock } from '../../lab/support/clock.ts'
import { eventually } from '../../lab/support/process.ts'

test.each([
  ['store.example.com', ['store.example.com'], true],
  ['Store.Example.com', ['store.example.com'], true],
  ['a.store.example.com', ['*.store.example.com'], true],
  ['store.example.com', ['*.store.example.com'], false],
  ['evilstore.example.com', ['*.store.example.com', 'store.example.com'], false],
  ['store.example.com.evil', ['*.example.com', 'store.example.com'], false],
  ['10.0.0.1', ['10.0.0.1'], true],
  ['anything', undefined, true],
] as const)('the host %s, where %j are allowed: %p', (host, hosts, allowed) => {
  expect(isAllowed(host, hosts)).toBe(allowed)
})

test('no host that etcd redirects to gets the password; an empty value is one', async () => {
  const asked: string[] = []
  using other = Bun.serve({
    port: 0,
    async fetch(request) {
      asked.push(new URL(request.url).pathname)
      return Response.json({ token: 'token', kvs: [{ key: 'a2V5' }] })
    },
  })
  using redirecting = Bun.serve({
    port: 0,
    fetch: ({ url }) => Response.redirect(`${other.url.origin}${new URL(url).pathname}`, 307),
  })
  const client = (server: typeof other) =>
    createEtcdClient({ endpoints: [server.url.origin], username: 'app', password: 'hunter2' })
  await expect(client(redirecting).get('key')).rejects.toThrow(
    `etcd at ${redirecting.url.origin}: 307`,
  )
  expect(asked).toEqual([])
  expect(await client(other).get('key')).toBe('')
})

const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Stands in for etcd: answers each call as `answer` does, and records what it was asked. */
function startEtcd(answer: (path: string) => unknown = () => ({})) {
  const asked: { path: string; body: unknown; authorization: string | null }[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      const path = new URL(request.url).pathname.replace('/v3/', '')
      const authorization = request.headers.get('authorization')
      asked.push({ path, body: await request.json(), authorization })
      const answered = await answer(path)
      return answered instanceof Response ? answered : Response.json(answered)
    },
  })
  const endpoint = server.url.origin
  return {
    ...{ asked, endpoint },
    paths: () => asked.map(({ path }) => path),
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

test('each call is one of the gateway, and its answer is understood', async () => {
  const answers: Record<string, unknown> = {
    'kv/range': { kvs: [{ value: base64('ü') }] },
    'lease/grant': { ID: '7' },
    'lease/keepalive': { result: { TTL: '3' } },
  }
  await using etcd = startEtcd((path) => answers[path] ?? {})
  const client = createEtcdClient({ endpoints: [etcd.endpoint] })
  using timeout = spyOn(AbortSignal, 'timeout')
  expect(await client.get('kéy')).toBe('ü')
  await client.put('key', 'value', '7')
  expect(await client.grant(10)).toBe('7')
  await client.keepAlive('7')
  await client.revoke('7')
  expect(etcd.asked.map(({ path, body }) => [path, body])).toEqual([
    ['kv/range', { key: base64('kéy') }],
    ['kv/put', { key: base64('key'), value: base64('value'), lease: '7' }],
    ['lease/grant', { TTL: 10 }],
    ['lease/keepalive', { ID: '7' }],
    ['lease/revoke', { ID: '7' }],
  ])
  expect(new Set(timeout.mock.calls.flat())).toEqual(new Set([2000]))
  for (const path in answers) answers[path] = {}
  expect(await client.get('key')).toBeUndefined()
  await expect(client.grant(10)).rejects.toThrow('etcd granted no lease')
  await expect(client.keepAlive('7')).rejects.toThrow('the lease 7 has expired')
})

test('each call logs in first, and its token is its own', async () => {
  let logins = 0
  await using etcd = startEtcd((path) =>
    path === 'auth/authenticate' ? { token: `token ${++logins}` } : {},
  )
  const login = { username: 'app', password: 'secret' }
  const client = createEtcdClient({ endpoints: [etcd.endpoint], ...login })
  for (const _ of [1, 2]) await client.get('key')
  const name = { name: 'app', password: 'secret' }
  expect(etcd.asked.map(({ path, body, authorization }) => [path, body, authorization])).toEqual([
    ['auth/authenticate', name, null],
    ['kv/range', { key: base64('key') }, 'token 1'],
    ['auth/authenticate', name, null],
    ['kv/range', { key: base64('key') }, 'token 2'],
  ])
})

test('after an endpoint that fails the next one is asked, once for all calls that failed together', async () => {
  await using broken = startEtcd(() => new Response('no leader', { status: 503 }))
  await using etcd = startEtcd()
  await using third = startEtcd()
  const client = createEtcdClient({ endpoints: [broken, etcd, third].map((one) => one.endpoint) })
  const failed = await Promise.allSettled([client.get('one'), client.get('two')])
  for (const { reason } of failed as PromiseRejectedResult[]) {
    expect(reason.message).toBe(`etcd at ${broken.endpoint}: 503 no leader`)
    expect(reason.cause).toBeInstanceOf(Error)
  }
  await client.get('one')
  await client.get('two')
  expect([broken, etcd, third].map(({ asked }) => asked.length)).toEqual([2, 2, 0])
})

/** An etcd that is watched, and what an instance that registers there says and does, on a clock of the test. */
function discovered(redisHosts?: string[]) {
  const state = { value: 'store:1' as string | undefined, ttl: '3' }
  let watching: ReadableStreamDefaultController | undefined
  const etcd = startEtcd((path) => {
    if (path === 'kv/range')
      return { kvs: state.value === undefined ? [] : [{ value: base64(state.value) }] }
    if (path === 'lease/grant') return { ID: '7' }
    if (path === 'lease/keepalive') return { result: { TTL: state.ttl } }
    if (path !== 'watch') return {}
    return new Response(
      new ReadableStream({
        start(controller) {
          watching = controller
          controller.enqueue('{"result":{"created":true}}\n')
        },
      }),
    )
  })
  const clock = createVirtualClock()
  const log = memoryLog()
  const endpoints: unknown[] = []
  const config = {
    ...{ endpoints: [etcd.endpoint], prefix: '/app', leaseSeconds: 9 },
    ...(redisHosts && { redisHosts }),
  }
  const entry = { id: 'i-1', address: 'here:5000', release: 'r' }
  const { withdraw } = startDiscovery(config, entry, (found) => endpoints.push(found), log, clock)
  const asked = (path: string) => etcd.paths().filter((each) => each === path).length
  return {
    ...{ etcd, state, clock, log, endpoints, withdraw, asked },
    isAsked: (path: string, times: number) =>
      eventually(`${path} is asked ${times} times`, () => asked(path) === times),
    change(value: string) {
      state.value = value
      watching?.enqueue('{"result":{"events":[{}]}}\n')
    },
    endWatch: () => watching?.close(),
    async [Symbol.asyncDispose]() {
      await withdraw()
      await etcd[Symbol.asyncDispose]()
    },
  }
}

test('an instance registers under a lease, renews it thrice in its time, and does so again when it is lost', async () => {
  await using all = discovered()
  const { etcd, state, clock, log, isAsked, asked, withdraw } = all
  await eventually('it is registered', () => log.lines.some(({ event }) => event === 'registered'))
  expect(log.lines).toContainEqual(
    expect.objectContaining({ event: 'registered', id: 'i-1', address: 'here:5000', release: 'r' }),
  )
  const put = {
    key: base64('/app/instances/i-1'),
    value: base64('{"address":"here:5000","release":"r"}'),
    lease: '7',
  }
  expect(etcd.asked.find(({ path }) => path === 'kv/put')?.body).toEqual(put)
  await eventually('it waits to renew', () => clock.waiting() === 1)
  await clock.advance(2999)
  expect(clock.waiting()).toBe(1)
  await clock.advance(1)
  await isAsked('lease/keepalive', 1)
  state.ttl = '0'
  await eventually('it waits to renew', () => clock.waiting() === 1)
  await clock.advance(3000)
  await isAsked('lease/keepalive', 2)
  const said = () => log.lines.filter(({ event }) => event === 'etcd-unavailable')
  await eventually('it says that the lease is lost', () => said().length === 1)
  const reason = 'the lease 7 has expired'
  expect(said()).toMatchObject([{ what: 'register', reason }])
  await clock.advance(999)
  expect(asked('lease/grant')).toBe(1)
  await clock.advance(1)
  await isAsked('kv/put', 2)
  await withdraw()
  expect(asked('lease/revoke')).toBe(1)
  await clock.advance(10_000)
  expect(asked('lease/keepalive')).toBe(2)
  expect(said()).toHaveLength(1)
})

test('what etcd says of the store is taken up now and at each change, and what is of no use is said once', async () => {
  using timeout = spyOn(AbortSignal, 'timeout')
  await using all = discovered(['store', 'other'])
  const { etcd, clock, log, endpoints, change, endWatch, isAsked } = all
  await eventually('the first is known', () => endpoints.length === 1)
  const { body } = etcd.asked.find(({ path }) => path === 'watch') ?? {}
  expect(body).toEqual({ create_request: { key: base64('/app/redis-endpoint') } })
  const said = () => log.lines.filter(({ event }) => event === 'redis-endpoint-unusable')
  let reads = 1
  const changed = async (value: string) => {
    change(value)
    await isAsked('kv/range', ++reads)
  }
  for (const value of ['nonsense', 'nonsense', 'store:1,elsewhere:1', ' other:2\n', 'nonsense'])
    await changed(value)
  await eventually('three are said', () => said().length === 3)
  const key = '/app/redis-endpoint'
  const nonsense = { key, got: 'nonsense', expected: 'host:port, or several' }
  expect(said()).toMatchObject([
    nonsense,
    { key, got: 'store:1,elsewhere:1', expected: 'hosts of ETCD_REDIS_HOSTS' },
    nonsense,
  ])
  expect(endpoints).toEqual([[{ host: 'store', port: 1 }], [{ host: 'other', port: 2 }]])
  expect(timeout.mock.calls.flat()).toContain(60_000)
  endWatch()
  await eventually('it waits to watch again', () => clock.waiting() === 2)
  all.state.value = undefined
  await clock.advance(1000)
  await isAsked('watch', 2)
  await eventually('nothing is said, too', () => said().length === 4)
  expect(said().at(-1)).toMatchObject({ got: 'nothing' })
})
