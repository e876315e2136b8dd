import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import calculateSlot from 'cluster-key-slot'
import type { KeyValueStore } from '../../../src/store/key-value.ts'
import { end, eventually } from '../../lab/support/process.ts'
import { type RedisServer, startCluster } from '../../lab/support/redis.ts'
import { redisStore } from '../../lab/support/store.ts'
import { keyOf } from './contract.ts'

const KEYS = 2000
const LOOPS = 64

interface Failure {
  reason: string
  /** The number of the operation. */
  at: number
}

function keyInSlots(first: number, last: number): string {
  for (let index = 0; ; index++) {
    const slot = calculateSlot(keyOf(`${index}`))
    if (slot >= first && slot <= last) return keyOf(`${index}`)
  }
}

/** Sets and reads KEYS keys from LOOPS loops at once, each key in one loop only. */
function load(store: KeyValueStore) {
  const failures: Failure[] = []
  const wrong: string[] = []
  let operations = 0
  let slowest = 0
  let running = true

  const attempt = async (operation: () => Promise<unknown>): Promise<void> => {
    const startedAt = performance.now()
    await operation().catch((error) => failures.push({ reason: error.message, at: operations }))
    operations++
    slowest = Math.max(slowest, performance.now() - startedAt)
  }

  const loops = Array.from({ length: LOOPS }, async (_, loop) => {
    for (let round = 0; running; round++) {
      const key = keyOf(`${loop + LOOPS * (round % Math.floor(KEYS / LOOPS))}`)
      const value = `round ${round}`
      const before = failures.length
      await attempt(() => store.set(key, value))
      // Whether a refused write was kept is not known.
      if (failures.length > before) continue
      await attempt(async () => {
        const found = await store.get(key)
        if (found !== value) wrong.push(`${key}: set ${value}, read ${found}`)
      })
    }
  })
  return {
    failures,
    wrong,
    operations: () => operations,
    async stop() {
      running = false
      await Promise.all(loops)
      return { operations, slowest }
    },
  }
}

describe.each([0, 1])('a cluster under load, waiting for %d replicas', (waitReplicas) => {
  const stack = new AsyncDisposableStack()
  let cluster: Awaited<ReturnType<typeof startCluster>>
  let target: RedisServer | undefined
  let store: KeyValueStore
  beforeAll(async () => {
    // A new primary has no replica that a write could wait for.
    const empty = waitReplicas === 0 ? 1 : 0
    cluster = stack.use(await startCluster({ replicas: 1 + waitReplicas, empty }))
    target = cluster.empty[0] ?? cluster.servers[1]
    // What is tested is what the client does, and not how soon a busy machine answers.
    const patient = { commandTimeoutMs: 3000 }
    store = await redisStore(cluster.endpoint, { mode: 'cluster', waitReplicas, ...patient })
    stack.defer(() => store.close())
  }, 60_000)
  afterAll(() => stack.disposeAsync())

  const idOf = async (server: RedisServer | undefined) =>
    String(await server?.client.call('CLUSTER', 'MYID'))

  test('in a slot that is half moved, a new key is set and read where the slot goes', async () => {
    const [source, ...others] = cluster.servers.slice(0, 3)
    const [sourceId, targetId] = await Promise.all([idOf(source), idOf(target)])
    const key = keyInSlots(0, 5460)
    const slot = calculateSlot(key)
    await target?.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId)
    await source?.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId)
    await store.set(key, 'value')
    expect(await store.get(key)).toBe('value')
    expect(await source?.client.call('CLUSTER', 'COUNTKEYSINSLOT', slot)).toBe(0)
    expect(await target?.client.call('CLUSTER', 'COUNTKEYSINSLOT', slot)).toBe(1)
    for (const server of [target, source, ...others]) {
      await server?.client.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId)
    }
    expect(await store.get(key)).toBe('value')
    expect(await store.delete(key)).toBe(true)
  })

  test('1000 slots with their keys move to another primary: no operation fails, no answer is wrong', async () => {
    const running = load(store)
    await eventually('the load runs', () => running.operations() > LOOPS)
    const reshard = Bun.spawn(
      [
        ...['redis-cli', '--cluster', 'reshard', cluster.servers[0]?.endpoint ?? ''],
        ...['--cluster-from', await idOf(cluster.servers[0]), '--cluster-to', await idOf(target)],
        ...['--cluster-slots', '1000', '--cluster-yes'],
      ],
      { stdout: 'ignore' },
    )
    expect(await reshard.exited).toBe(0)
    const { operations, slowest } = await running.stop()
    console.log(`resharding: ${operations} operations, slowest ${Math.round(slowest)} ms`)
    expect(running.wrong).toEqual([])
    expect(running.failures).toEqual([])
  }, 60_000)

  test('connections are cut: no answer is wrong, and only writes on their way fail', async () => {
    const running = load(store)
    await eventually('the load runs', () => running.operations() > LOOPS)
    await cluster.servers[0]?.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    const cutAt = running.operations()
    await eventually('the load goes on', () => running.operations() > cutAt + 2 * KEYS)
    const { slowest } = await running.stop()
    console.log(
      `lost connections: ${running.failures.length} failed, slowest ${Math.round(slowest)} ms`,
    )
    expect(running.wrong).toEqual([])
    expect(running.failures.length).toBeLessThanOrEqual(LOOPS)
    // A read whose answer is lost is repeated.
    for (const { reason } of running.failures)
      expect(reason).toMatch(/Connection is closed|Command aborted/)
  })

  test('a primary is killed: no answer is wrong, and soon nothing fails any more', async () => {
    const running = load(store)
    await eventually('the load runs', () => running.operations() > LOOPS)
    const victim = cluster.servers[2]
    if (victim) await end(victim.child, 'SIGKILL')
    const killedAt = performance.now()
    // Every key has been set and read.
    const isQuiet = () =>
      running.operations() - (running.failures.at(-1)?.at ?? Infinity) > 2 * KEYS
    await eventually('operations failed, and none of the latest has', isQuiet, {
      withinMs: 60_000,
      everyMs: 100,
    })
    const outage = performance.now() - killedAt
    const { operations, slowest } = await running.stop()
    console.log(
      `failover: ${operations} operations, ${running.failures.length} failed, quiet ${Math.round(outage)} ms after the kill, slowest ${Math.round(slowest)} ms`,
    )
    expect(running.wrong).toEqual([])
  }, 90_000)
})
