import { expect, test } from 'bun:test'
import type { Cluster } from 'ioredis'
import { NOT_SENT, type Outcome, type RedisCommand } from '../../../src/store/batched.ts'
import { clusterRoute } from '../../../src/store/cluster-route.ts'

const HOST = '127.0.0.1'
const GET: RedisCommand = ['get', 'key']
const SET: RedisCommand = ['set', 'key', 'value']
const DEL: RedisCommand = ['del', 'key']
const PING: RedisCommand = ['ping']

/** A cluster of one primary that takes `refreshMs` to tell its slots. Any other is there as soon as it is asked for. */
function fakeCluster({ refreshMs = 0, status = 'ready', primaryStatus = 'ready' } = {}) {
  const nodeAt = (port: number, status = 'ready') => ({ status, options: { host: HOST, port } })
  const primary = nodeAt(7000, primaryStatus)
  const cluster = {
    status,
    slots: Array.from({ length: 16_384 }, () => [`${HOST}:7000`]),
    nodes: () => [primary],
    on: () => {},
    refreshSlotsCache: (done: () => void) => setTimeout(done, refreshMs),
    connectionPool: { findOrCreate: ({ port }: { port: number }) => nodeAt(port) },
  }
  return { primary, cluster: cluster as unknown as Cluster }
}

/** Has `command` refused that was sent `agoMs` ago. Returns how it ends, and what was sent; `answer` is that of each. */
async function refuse(
  command: RedisCommand,
  refusal: string,
  { cluster = fakeCluster().cluster, agoMs = 0, answer = (): Outcome => [null, 'OK'] } = {},
) {
  const sent: RedisCommand[] = []
  const route = clusterRoute(cluster, async (_, commands) => {
    sent.push(...commands)
    return commands.map(answer)
  })
  const began = performance.now()
  const ended = await route
    .refused(command, new Error(refusal), began - agoMs)
    .catch((error: Error) => error.message)
  return { ended, sent, tookMs: performance.now() - began }
}

test.concurrent.each([
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

test.concurrent.each(LOST)('a read whose answer is lost (%s) is sent again', async (lost) => {
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

test.concurrent('nothing is sent on a connection that is not ready', async () => {
  const { cluster, primary } = fakeCluster({ primaryStatus: 'connecting' })
  const route = clusterRoute(cluster, async () => [])
  expect(route.connections()(SET)).toBeUndefined()
  setTimeout(() => {
    primary.status = 'ready'
  }, 150)
  const { ended, sent, tookMs } = await refuse(SET, NOT_SENT, { cluster })
  expect([ended, sent]).toEqual(['OK', [SET]])
  expect(tookMs).toBeGreaterThan(150)
})

test('a redirection that comes too late is not followed', async () => {
  for (const kind of ['ASK', 'MOVED']) {
    const refusal = `${kind} 12539 ${HOST}:7001`
    expect(await refuse(SET, refusal, { agoMs: 860 })).toMatchObject({ ended: refusal, sent: [] })
  }
})

test.concurrent('primaries that each name the other are not asked without a pause', async () => {
  const names = (index: number) => `MOVED 12539 ${HOST}:700${index % 2}`
  let asked = 0
  const { ended, sent } = await refuse(SET, names(asked), {
    answer: () => [new Error(names(++asked))],
  })
  expect(ended).toBe('Timed out')
  expect(sent.length).toBeLessThan(20)
})

test.concurrent('a command whose caller was told that it failed is not sent any more', async () => {
  const { ended, sent, tookMs } = await refuse(SET, 'CLUSTERDOWN The cluster is down', {
    cluster: fakeCluster({ refreshMs: 1200 }).cluster,
  })
  expect(ended).toBe('Timed out')
  expect(tookMs).toBeLessThan(1000)
  await Bun.sleep(600)
  expect(sent).toEqual([])
})

test('without any connection a command fails at once', async () => {
  const { ended, sent, tookMs } = await refuse(SET, NOT_SENT, {
    cluster: fakeCluster({ status: 'reconnecting' }).cluster,
  })
  expect([ended, sent]).toEqual([NOT_SENT, []])
  expect(tookMs).toBeLessThan(100)
})
