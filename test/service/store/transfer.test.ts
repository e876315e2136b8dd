import { afterAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { name } from '../../../package.json'
import type { ScannableStore } from '../../../src/store/key-value.ts'
import { createRedisStore } from '../../../src/store/redis.ts'
import { connectRedis } from '../../../src/store/redis-client.ts'
import { openSqlite } from '../../../src/store/sqlite.ts'
import { exportLines, importLines, type Total } from '../../../src/store/transfer.ts'
import { eventually, freePort, temporaryFolder } from '../../lab/support/process.ts'
import { type RedisServer, startCluster, startRedis } from '../../lab/support/redis.ts'
import { redisConfig } from '../../lab/support/store.ts'
import { keyOf } from './contract.ts'

const stack = new AsyncDisposableStack()
afterAll(() => stack.disposeAsync())

const COUNT = 5000
const RECORDS = {
  prefix: keyOf('v1:'),
  isValid: (key: string, value: string) =>
    key.startsWith(keyOf('v1:')) && !value.endsWith('-02-30'),
}
const entries = Array.from({ length: COUNT }, (_, index): [string, string] => [
  keyOf(`v1:user${index}`),
  String(Temporal.PlainDate.from('1900-01-01').add({ days: index })),
])

async function openRedis(endpoint: string, mode: 'standalone' | 'cluster' = 'standalone') {
  const report = { failed() {}, ready() {} }
  const store = createRedisStore(connectRedis(redisConfig(endpoint, { mode }), report))
  stack.defer(() => store.close())
  await eventually('the store answers', () => store.ping().then(() => true))
  return store
}

/** An empty store of each kind, and the servers of those that have some. */
const kinds: Record<string, () => Promise<{ store: ScannableStore; servers: RedisServer[] }>> = {
  async SQLite() {
    const store = openSqlite(join(stack.use(temporaryFolder()).path, 'some.db'))
    stack.defer(() => store.close())
    return { store, servers: [] }
  },
  async Redis() {
    const server = stack.use(await startRedis())
    return { store: await openRedis(server.endpoint), servers: [server] }
  },
  async 'Redis Cluster'() {
    const cluster = stack.use(await startCluster({ replicas: 0 }))
    return { store: await openRedis(cluster.endpoint, 'cluster'), servers: cluster.servers }
  },
}
const names = Object.keys(kinds)
const open = (kind: string) => (kinds[kind] as (typeof kinds)[string])()

async function fill(store: ScannableStore): Promise<void> {
  await Promise.all(entries.map(([key, value]) => store.set(key, value)))
}

interface Options {
  from?: string
  /** How many parts. */
  parts?: number
  between?: (part: number) => Promise<unknown>
}

/** The text of an export, or of its first parts, and its total. */
async function exported(store: ScannableStore, { from, parts = Infinity, between }: Options = {}) {
  const lines = exportLines(store, RECORDS, { from, progress() {}, patienceMs: 5000 })
  let text = ''
  for (let part = 1; part <= parts; part++) {
    const { value, done } = await lines.next()
    if (done) return { text, total: value }
    text += value
    await between?.(part)
  }
  return { text, total: undefined }
}

async function imported(
  text: string,
  store: ScannableStore,
  from?: string,
  patienceMs = 5000,
): Promise<Total> {
  const whole = text.split('\n').slice(0, -1)
  const lines = (async function* () {
    yield* whole
  })()
  return importLines(lines, store, RECORDS, { from, progress() {}, patienceMs })
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: Error) => error.message,
  )

test('what one kind of store exports, every other imports, with the same count and checksum', async () => {
  const opened = await Promise.all(names.map(open))
  const chain = [...opened, await open('SQLite')].map(({ store }) => store)
  await fill(chain[0] as ScannableStore)
  const totals: (Total | undefined)[] = []
  for (const [index, store] of chain.slice(1).entries()) {
    const { text, total } = await exported(chain[index] as ScannableStore)
    totals.push(total, await imported(text, store))
  }
  const { total } = await exported(chain.at(-1) as ScannableStore)
  expect(total?.count).toBe(COUNT)
  for (const each of totals) expect(each).toEqual(total as Total)
  for (const store of chain) {
    const found = await Promise.all(entries.map(([key]) => store.get(key)))
    expect(found).toEqual(entries.map(([, value]) => value))
  }
}, 60_000)

describe.each(names)('%s', (kind) => {
  test('while others write, an export has all that was there and stays', async () => {
    const { store } = await open(kind)
    await fill(store)
    let saved = 0
    const { text } = await exported(store, {
      between: () =>
        Promise.all(
          Array.from({ length: 200 }, () => store.set(keyOf(`v1:new${saved++}`), '2000-01-01')),
        ),
    })
    const target = (await open('SQLite')).store
    expect((await imported(text, target)).count).toBeGreaterThanOrEqual(COUNT)
    const found = await Promise.all(entries.map(([key]) => target.get(key)))
    expect(found).toEqual(entries.map(([, value]) => value))
  })

  test('an export that broke off goes on from the position that its import names', async () => {
    const { store } = await open(kind)
    await fill(store)
    const target = (await open('SQLite')).store
    const { text } = await exported(store, { parts: 2 })
    const cut = `${text}{"key":"${name}:v1:`
    const incomplete = await failure(imported(cut, target))
    const [, position] = /incomplete after the position (\S+)$/.exec(incomplete) ?? []
    const rest = await exported(store, { from: position as string })
    expect(rest.total?.count).toBeLessThan(COUNT)
    await imported(rest.text, target)
    const found = await Promise.all(entries.map(([key]) => target.get(key)))
    expect(found).toEqual(entries.map(([, value]) => value))
  })

  test('a position that the store does not know is refused', async () => {
    const { store } = await open(kind)
    await fill(store)
    const { text } = await exported(store)
    const positions = [...text.matchAll(/"position":"([^"]+)"/g)].map(([, position]) => position)
    const last = positions.at(-1) as string
    expect((await exported(store, { from: last })).total?.count).toBe(0)
    const beyond = last.includes('.') ? last.replace('.', '.9') : `${last}0`
    for (const from of ['elsewhere', keyOf('v1:nobody'), beyond])
      expect(await failure(exported(store, { from }))).toBe(
        `the store has no position ${from}: begin again, without --from`,
      )
  })

  test('an import that broke off goes on in the same input, all of which is checked', async () => {
    const { store } = await open(kind)
    const source = (await open('SQLite')).store
    await fill(source)
    const { text } = await exported(source)
    const positions = [...text.matchAll(/"position":"([^"]+)"/g)].map(([, position]) => position)
    const before = entries.map(([key]) => key).sort()
    expect((await imported(text, store, positions[1])).count).toBe(COUNT)
    const [first, second] = [before[1999] as string, before[2000] as string]
    expect(await store.get(first)).toBeNull()
    expect(await store.get(second)).not.toBeNull()
    expect(await failure(imported(text, store, 'elsewhere'))).toBe(
      'the position elsewhere is not in the input',
    )
  })
})

describe('what is not whole is refused, and nothing of its part written', () => {
  const DATE = /\d{4}-\d\d-\d\d/
  const damages: [string, (text: string) => string, RegExp][] = [
    [
      'a changed value',
      (text) => text.replace(DATE, '1899-12-31'),
      /line 1001: expected 1000 records with the checksum \w+, got 1000 with/,
    ],
    [
      'a missing line',
      (text) => text.slice(text.indexOf('\n') + 1),
      /line 1000: expected 1000 records .*, got 999/,
    ],
    ...[
      'key,value',
      '{"checkpoint":null}',
      '{"checkpoint":1}',
      '{"end":null}',
      '{"key":{"toString":1},"value":"a"}',
      `{"checkpoint":{"count":0,"checksum":"${'0'.repeat(64)}","position":"x; rm -rf ~ $(id)"}}`,
    ].map((line): (typeof damages)[number] => [
      line,
      (text) => `${line}\n${text}`,
      /line 1: expected a line that export wrote/,
    ]),
    [
      'a key of another format',
      (text) => text.replace(':v1:', ':v2:'),
      /line 1: this release cannot read the record \w+:v2:/,
    ],
    [
      'a date that does not exist',
      (text) => text.replace(DATE, '1900-02-30'),
      /line 1: this release cannot read the record/,
    ],
  ]
  test.each(damages)('%s', async (_, damage, refusal) => {
    const source = (await open('SQLite')).store
    const target = (await open('SQLite')).store
    await fill(source)
    const { text } = await exported(source)
    expect(await failure(imported(damage(text), target))).toMatch(refusal)
    expect((await exported(target)).total?.count).toBe(0)
  })

  test('records that are not as they were written are counted', async () => {
    const { store } = await open('SQLite')
    await store.set(keyOf('v1:Ada'), '1815-12-10')
    const { text } = await exported(store)
    const forgetful = { ...(await open('SQLite')).store, set: async () => {} }
    expect(await failure(imported(text, forgetful))).toStartWith('1 of 1 records are not as they')
  })
})

test('what follows the end line is refused, and all before it imported', async () => {
  const { store } = await open('SQLite')
  await store.set(keyOf('v1:Ada'), '1815-12-10')
  const { text } = await exported(store)
  const target = (await open('SQLite')).store
  const more = text + text
  expect(await failure(imported(more, target))).toBe(
    'line 4: expected nothing after the end line, up to which all is imported',
  )
  expect(await target.get(keyOf('v1:Ada'))).toBe('1815-12-10')
})

test('records that the end line follows without a checkpoint are imported', async () => {
  const { store } = await open('SQLite')
  await store.set(keyOf('v1:Ada'), '1815-12-10')
  const { text } = await exported(store)
  const target = (await open('SQLite')).store
  await imported(text.replace(/{"checkpoint".*\n/, ''), target)
  expect(await target.get(keyOf('v1:Ada'))).toBe('1815-12-10')
})

test('a store that is not there is waited for as long as there is patience, and the error says why it was in vain', async () => {
  const endpoint = `127.0.0.1:${freePort()}`
  const report = { failed() {}, ready() {} }
  const store = createRedisStore(connectRedis(redisConfig(endpoint), report))
  stack.defer(() => store.close())
  const reason = `Redis: nothing listens at ${endpoint} (ECONNREFUSED), for 0.5 s`
  const options = { from: undefined, progress() {}, patienceMs: 500 }
  expect(await failure(exportLines(store, RECORDS, options).next())).toBe(reason)
  const source = (await open('SQLite')).store
  await source.set(keyOf('v1:Ada'), '1815-12-10')
  const { text } = await exported(source)
  expect(await failure(imported(text, store, undefined, 500))).toBe(reason)
})

test('an export that begins before there is a connection is complete', async () => {
  const cluster = stack.use(await startCluster({ replicas: 0 }))
  await fill(await openRedis(cluster.endpoint, 'cluster'))
  const report = { failed() {}, ready() {} }
  const early = createRedisStore(
    connectRedis(redisConfig(cluster.endpoint, { mode: 'cluster' }), report),
  )
  stack.defer(() => early.close())
  expect((await exported(early)).total?.count).toBe(COUNT)
})

test('a lost connection does not end an export of Redis', async () => {
  const { store, servers } = await open('Redis')
  await fill(store)
  const { total } = await exported(store, {
    between: async (part) => {
      if (part > 3) return
      for (const { client } of servers)
        await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    },
  })
  expect(total?.count).toBe(COUNT)
})

test('a server that was restarted, and slots that move, end an export, which would miss some', async () => {
  const changed =
    'the servers, or their slots, are not those that the export began with: begin again'
  const redis = await open('Redis')
  await fill(redis.store)
  const { text } = await exported(redis.store, { parts: 1 })
  const [, from] = /"position":"([^"]+)"/.exec(text) ?? []
  await redis.servers[0]?.restart()
  await eventually('the store answers', () => redis.store.ping().then(() => true))
  expect(await failure(exported(redis.store, { from: from as string }))).toBe(changed)

  const { store, servers } = await open('Redis Cluster')
  await fill(store)
  const moves = async (part: number) => {
    if (part !== 1) return
    const ids = await Promise.all(servers.map(({ client }) => client.call('CLUSTER', 'MYID')))
    const reshard = Bun.spawn(
      [
        ...['redis-cli', '--cluster', 'reshard', servers[0]?.endpoint ?? ''],
        ...['--cluster-from', String(ids[2]), '--cluster-to', String(ids[0])],
        ...['--cluster-slots', '10', '--cluster-yes'],
      ],
      { stdout: 'ignore' },
    )
    expect(await reshard.exited).toBe(0)
  }
  expect(await failure(exported(store, { between: moves }))).toBe(changed)
}, 60_000)
