import { expect, test } from 'bun:test'
import type { Cluster } from 'ioredis'
import { NOT_SENT, type Outcome, type RedisCommand, type Send } from '../../../src/store/batched.ts'
import { clusterRoute } from '../../../src/store/cluster-route.ts'
import { createVirtualClock } from '../../lab/support/clock.ts'

const HOST = '127.0.0.1'
const GET: RedisCommand = ['get', 'key']
const SET: RedisCommand = ['set', 'key', 'value']
const DEL: RedisCommand = ['del', 'key']
const PING: RedisCommand = ['ping']

/**
 * A cluster of one primary that takes `refreshMs` to tell its slots, on a clock of its own. Any other is there as soon as
 * it is asked for.
 */
function fakeCluster({ refreshMs = 0, status = 'ready', primaryStatus = 'ready' } = {}) {
  const clock = createVirtualClock()
  const nodeAt = (port: number, status = 'ready') => ({ status, options: { host: HOST, port } })
  const primary = nodeAt(7000, primaryStatus)
  const cluster = {
    status,
    slots: Array.from({ length: 16_384 }, () => [`${HOST}:7000`]),
    nodes: () => [primary],
    on: () => {},
    refreshSlotsCache: (done: () => void) => clock.after(refreshMs, done),
    connectionPool: { findOrCreate: ({ port }: { port: number }) => nodeAt(port) },
  }
  return { primary, cluster: cluster as unknown as Cluster, clock }
}

/**
 * Has `command` refused that was sent `agoMs` ago. Returns how it ends, after how many milliseconds, and what was sent
 * until two seconds later; `answer` is that of each.
 */
async function refuse(
  command: RedisCommand,
  refusal: string,
  { fake = fakeCluster(), agoMs = 0, answer = (): Outcome => [null, 'OK'] } = {},
) {
  const { cluster, clock } = fake
  const sent: RedisCommand[] = []
  const sentAt: number[] = []
  const send: Send = async (_, commands) => {
    sent.push(...commands)
    sentAt.push(clock.now())
    return commands.map(answer)
  }
  const began = clock.now()
  const route = clusterRoute(cluster, send, clock)
  const settled = { ended: undefined as unknown, tookMs: Number.NaN }
  route
    .refused(command, new Error(refusal), began - agoMs)
    .catch((error: Error) => error.message)
    .then((ended) => Object.assign(settled, { ended, tookMs: clock.now() - began }))
  await clock.advance(2000)
  return { ...settled, sent, sentAt }
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
  expect(await refuse(PING, lost)).toMatchObject({ ended: 'OK', sent: [PING] })
})

test.each(LOST)('a write whose answer is lost (%s) fails, also when sent again', async (lost) => {
  for (const write of [SET, DEL]) {
    expect(await refuse(write, lost)).toMatchObject({ ended: lost, sent: [] })
  }
  const answer = (): Outcome => [new Error(lost)]
  expect(await refuse(SET, NOT_SENT, { answer })).toMatchObject({ ended: lost, sent: [SET] })
})

test('nothing is sent on a connection that is not ready', async () => {
  const fake = fakeCluster({ primaryStatus: 'connecting' })
  const route = clusterRoute(fake.cluster, async () => [])
  expect(route.connections()(SET)).toBeUndefined()
  fake.clock.after(150, () => {
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
  expect(sent.length).toBeLessThan(20)
  expect(Math.max(...sentAt)).toBeLessThan(850)
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
