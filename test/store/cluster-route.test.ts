import { expect, test } from 'bun:test'
import type { Cluster } from 'ioredis'
import type { RedisCommand } from '../../src/store/batched.ts'
import { clusterRoute } from '../../src/store/cluster-route.ts'

const HOST = '127.0.0.1'
const command: RedisCommand = ['set', 'key', 'value']

/** A cluster of one primary that takes `refreshMs` to tell its slots. */
function clusterThatTakes(refreshMs: number, status = 'ready') {
  return {
    status,
    slots: Array.from({ length: 16_384 }, () => [`${HOST}:7000`]),
    nodes: () => [{ options: { host: HOST, port: 7000 } }],
    refreshSlotsCache: (done: () => void) => setTimeout(done, refreshMs),
  } as unknown as Cluster
}

/** Has a command refused that was just sent. Returns how it ends, and what was sent until a while later. */
async function refuse(cluster: Cluster) {
  const sent: RedisCommand[] = []
  const route = clusterRoute(cluster, async (_, commands) => {
    sent.push(...commands)
    return commands.map(() => [null, 'OK'])
  })
  const began = performance.now()
  const ended = await route
    .refused(command, new Error('CLUSTERDOWN The cluster is down'), began)
    .catch((error: Error) => error.message)
  const tookMs = performance.now() - began
  await Bun.sleep(600)
  return { ended, sent, tookMs }
}

test('a refused command is sent again once the slots are known', async () => {
  expect(await refuse(clusterThatTakes(10))).toMatchObject({ ended: 'OK', sent: [command] })
})

test('a command whose caller was told that it failed is not sent any more', async () => {
  const { ended, sent, tookMs } = await refuse(clusterThatTakes(1200))
  expect([ended, sent]).toEqual(['Timed out', []])
  expect(tookMs).toBeLessThan(1000)
})

test('without any connection a command fails at once', async () => {
  const { ended, sent, tookMs } = await refuse(clusterThatTakes(10, 'reconnecting'))
  expect([ended, sent]).toEqual(['CLUSTERDOWN The cluster is down', []])
  expect(tookMs).toBeLessThan(100)
})
