import { expect, test } from 'bun:test'
import type { Cluster, Redis } from 'ioredis'
import { sleep } from '../../../src/deadline.ts'
import { NOT_SENT, type Outcome, type RedisCommand, type Send } from '../../../src/store/batched.ts'
import { clusterRoute } from '../../../src/store/cluster-route.ts'
import { createVirtualClock } from '../../lab/support/clock.ts'

const HOST = '127.0.0.1'
const GET: RedisCommand = ['get', 'key']
const SET: RedisCommand = ['set', 'key', 'value']
const DEL: RedisCommand = ['del', 'key']

/**
 * A cluster of one primary that takes `refreshMs` to tell its slots, on a clock of its own. Any other is there as soon as
 * it is asked for.
 */
function fakeCluster({
  refreshMs = 0,
  status = 'ready',
  primaryStatus = 'ready',
  otherStatus = 'ready',
} = {}) {
  const clock = createVirtualClock()
  const nodeAt = (options: object, status = 'ready') => ({ status, options })
  const primary = nodeAt({ host: HOST, port: 7000 }, primaryStatus)
  const counts = { refreshes: 0, connects: 0 }
  const found = Promise.withResolvers<(node: object) => void>()
  const cluster = {
    status,
    slots: Array.from({ length: 16_384 }, () => [`${HOST}:7000`]),
    nodes: () => [primary],
    on: (event: string, tell: (node: object) => void) => event === '+node' && found.resolve(tell),
    refreshSlotsCache(done: () => void) {
      counts.refreshes++
      clock.after(refreshMs, done)
    },
    connectionPool: { findOrCreate: (options: object) => nodeAt(options, otherStatus) },
  }
  const connect = async () => void counts.connects++
  return {
    ...{ primary, clock, counts },
    cluster: cluster as unknown as Cluster,
    /** Tells of a node, as ioredis does. */
    find: async (readOnly: boolean) => (await found.promise)({ options: { readOnly }, connect }),
  }
}

/** The clock has run for so long when a command is refused. */
const BEFORE_MS = 5000

/**
 * Has `command` refused that was sent `agoMs` ago. Returns how it ends, after how many milliseconds, and what was sent
 * until two seconds later, where and when; `answer` is that of each, after `answerMs`.
 */
async function refuse(
  command: RedisCommand,
  refusal: string,
  {
    fake = fakeCluster(),
    agoMs = 0,
    answer = (): Outcome => [null, 'OK'],
    answerMs = undefined as number | undefined,
  } = {},
) {
  const { cluster, clock } = fake
  await clock.advance(BEFORE_MS)
  const began = clock.now()
  const sent: RedisCommand[] = []
  const sentAt: number[] = []
  const to: unknown[] = []
  const send: Send = async ({ options: { host, port } }, commands) => {
    sent.push(...commands)
    sentAt.push(clock.now() - began)
    to.push(`${host}:${port}`)
    if (answerMs !== undefined) await sleep(answerMs, clock)
    return commands.map(answer)
  }
  const route = clusterRoute(cluster, send, clock)
  const settled = { ended: undefined as unknown, tookMs: Number.NaN }
  route
    .refused(command, new Error(refusal), began - agoMs)
    .catch((error: Error) => error.message)
    .then((ended) => Object.assign(settled, { ended, tookMs: clock.now() - began }))
  await clock.advance(2000)
  return { ...settled, sent, sentAt, to }
}

test.each([
  'MOVED 12539 127.0.0.1:7001',
  'CLUSTERDOWN The cluster is down',
  "READONLY You can't write against a read only replica.",
  'LOADING Redis is loading the dataset in memory',
  NOT_SENT,
])(
  'a write that was not carried out (%s) is sent again once the slots are known',
  async (refusal) => {
    expect(await refuse(DEL, refusal)).toMatchObject({ ended: 'OK', sent: [DEL] })
  },
)

const LOST = ['Connection is closed.', 'Command aborted due to connection close']

test.each(LOST)('a read whose answer is lost (%s) is sent again', async (lost) => {
  expect(await refuse(GET, lost)).toMatchObject({ ended: 'OK', sent: [GET] })
})

test.each(LOST)('a write whose answer is lost (%s) fails, also when sent again', async (lost) => {
  for (const write of [SET, DEL]) {
    expect(await refuse(write, lost)).toMatchObject({ ended: lost, sent: [] })
  }
  const answer = (): Outcome => [new Error(lost)]
  expect(await refuse(SET, NOT_SENT, { answer })).toMatchObject({ ended: lost, sent: [SET] })
})

test('a redirection is followed to the node that it names: MOVED with the slots asked for, ASK without', async () => {
  const moved = fakeCluster()
  const [there, sent] = [['10.0.0.1:7001'], [SET]]
  const of = (kind: string, fake: ReturnType<typeof fakeCluster>) =>
    refuse(SET, `${kind} 12539 10.0.0.1:7001`, { fake })
  expect(await of('MOVED', moved)).toMatchObject({ ended: 'OK', to: there, sent, sentAt: [0] })
  expect(moved.counts.refreshes).toBe(1)
  const asked = fakeCluster()
  const asking = [['asking'], SET]
  expect(await of('ASK', asked)).toMatchObject({ ended: 'OK', to: there, sent: asking })
  expect(asked.counts.refreshes).toBe(0)
  const connecting = fakeCluster({ otherStatus: 'connecting' })
  expect(await of('ASK', connecting)).toMatchObject({ ended: 'OK', sent, sentAt: [5] })
  expect(connecting.counts.refreshes).toBe(0)
})

test('a primary is connected to as soon as it is known, and a replica is not', async () => {
  const { cluster, find, counts } = fakeCluster()
  clusterRoute(cluster, async () => [])
  await find(true)
  expect(counts.connects).toBe(0)
  await find(false)
  expect(counts.connects).toBe(1)
})

test('a command goes to the primary of its slot, and nowhere while no server has that', () => {
  const { cluster, primary } = fakeCluster()
  const route = clusterRoute(cluster, async () => [])
  expect(route.connections()(SET)).toBe(primary as unknown as Redis)
  cluster.slots = []
  expect(route.connections()(SET)).toBeUndefined()
})

test('nothing is sent on a connection that is not ready', async () => {
  const fake = fakeCluster({ primaryStatus: 'connecting' })
  const route = clusterRoute(fake.cluster, async () => [])
  expect(route.connections()(SET)).toBeUndefined()
  fake.clock.after(BEFORE_MS + 150, () => {
    fake.primary.status = 'ready'
  })
  const { ended, sent, tookMs } = await refuse(SET, NOT_SENT, { fake })
  expect([ended, sent]).toEqual(['OK', [SET]])
  expect(tookMs).toBeGreaterThan(150)
  expect(tookMs).toBeLessThan(250)
})

test('a redirection that comes too late is not followed', async () => {
  for (const kind of ['ASK', 'MOVED']) {
    const refusal = `${kind} 12539 ${HOST}:7001`
    expect(await refuse(SET, refusal, { agoMs: 850 })).toMatchObject({ ended: refusal, sent: [] })
    expect(await refuse(SET, refusal, { agoMs: 849 })).toMatchObject({ ended: 'OK' })
  }
})

test('primaries that each name the other are asked again after pauses, and not after 850 ms', async () => {
  const names = (index: number) => `MOVED 12539 ${HOST}:700${index % 2}`
  let asked = 0
  const { ended, sent, sentAt, tookMs } = await refuse(SET, names(asked), {
    answer: () => [new Error(names(++asked))],
  })
  expect(ended).toBe(`Timed out after: ${names(asked)}`)
  expect(tookMs).toBe(850)
  expect(sent).toHaveLength(sentAt.length)
  const pauses = [5, 10, 20, 40, 80, ...Array(6).fill(100)]
  const sums = pauses.map((_, index) => pauses.slice(0, index + 1).reduce((a, b) => a + b))
  expect(sentAt).toEqual([0, 0, ...sums])
})

test('nothing is sent in the millisecond in which the caller is told, which is why for the last time', async () => {
  const loading: Outcome = [new Error('LOADING Redis is loading')]
  const late = { agoMs: 850 - 15, answer: () => loading }
  const ended = 'Timed out after: LOADING Redis is loading'
  expect(await refuse(SET, NOT_SENT, late)).toMatchObject({ ended, tookMs: 15, sentAt: [5] })
  const asked: Outcome = [new Error(`ASK 12539 ${HOST}:7001`)]
  const slow = { agoMs: 850 - 15, answer: () => asked, answerMs: 10 }
  expect(await refuse(SET, NOT_SENT, slow)).toMatchObject({ tookMs: 15, sent: [SET] })
})

test('a command whose caller was told that it failed is not sent any more', async () => {
  const refusal = 'CLUSTERDOWN The cluster is down'
  const fake = fakeCluster({ refreshMs: 1200 })
  expect(await refuse(SET, refusal, { fake })).toMatchObject({
    ended: `Timed out after: ${refusal}`,
    tookMs: 850,
    sent: [],
  })
})

test('without any connection a command fails at once', async () => {
  const fake = fakeCluster({ status: 'reconnecting' })
  expect(await refuse(SET, NOT_SENT, { fake })).toMatchObject({
    ended: NOT_SENT,
    tookMs: 0,
    sent: [],
  })
})
