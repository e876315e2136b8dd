import { expect, test } from 'bun:test'
import { healthy, startService } from '../../lab/support/executable.ts'
import { missing, type Outcome, putLoad } from '../../lab/support/load.ts'
import { end, eventually, temporaryFolder } from '../../lab/support/process.ts'
import { type RedisServer, startCluster, startSentinelGroup } from '../../lab/support/redis.ts'

test('SQLite keeps every acknowledged write when killed 20 times under a storm of PUTs', async () => {
  using state = temporaryFolder()
  const outcomes: Outcome[] = []
  for (let round = 0; round < 20; round++) {
    await using service = await startService({ STATE_DIRECTORY: state.path })
    await healthy(service)
    const load = putLoad(service.url, { from: round * 100_000 })
    const enough = 20 + 10 * (round % 5)
    await eventually('some are acknowledged', () => load.outcomes.length >= enough, { everyMs: 1 })
    await end(service.child, 'SIGKILL')
    await load.stop()
    outcomes.push(...load.outcomes)
  }
  await using service = await startService({ STATE_DIRECTORY: state.path })
  await healthy(service)
  const acknowledged = outcomes.filter(({ status }) => status === 204).length
  console.log(`SQLite: ${acknowledged} acknowledged writes over 20 kills`)
  expect(acknowledged).toBeGreaterThan(20 * 10)
  expect(await missing(service.url, outcomes)).toEqual([])
}, 300_000)

/** Elections may need several rounds, with pauses between them: that is Redis' time, and not the service's. */
const ELECTION = { withinMs: 60_000 }

/** So many writes are acknowledged in a row by a service that has recovered. */
const RECOVERED = 500

/** How long the slowest answer took. */
function slowest(outcomes: Outcome[]): number {
  return Math.max(...outcomes.map(({ startedAt, endedAt }) => endedAt - startedAt))
}

/** Whether of the latest outcomes `count` are acknowledged writes. */
function acknowledgedInARow(outcomes: Outcome[], count: number): boolean {
  return outcomes.length >= count && outcomes.slice(-count).every(({ status }) => status === 204)
}

const topologies = [
  {
    mode: 'cluster',
    async start() {
      const cluster = await startCluster({ replicas: 2 })
      const [primary] = cluster.servers
      return { ...cluster, primary, replicas: cluster.servers.slice(3) }
    },
  },
  { mode: 'sentinel', start: startSentinelGroup },
]

test.each(topologies)(
  'a failover of Redis $mode loses no acknowledged write, and the service recovers by itself',
  async ({ mode, start }) => {
    await using group = await start()
    await using service = await startService({
      REDIS_ENDPOINT: group.endpoint,
      REDIS_MODE: mode,
      REDIS_WAIT_REPLICAS: '1',
    })
    await healthy(service)
    const load = putLoad(service.url)
    const { outcomes } = load
    await eventually('writes are acknowledged', () => acknowledgedInARow(outcomes, RECOVERED), {
      withinMs: 60_000,
    })
    if (group.primary) await end(group.primary.child)
    const killedAt = performance.now()
    await eventually('a replica is primary', () => anyIsPrimary(group.replicas), ELECTION)
    const electedAt = performance.now()
    await eventually(
      'writes are acknowledged again',
      () => acknowledgedInARow(outcomes, RECOVERED),
      { withinMs: 60_000 },
    )
    await load.stop()
    const count = (wanted: number) => outcomes.filter(({ status }) => status === wanted).length
    const refused = outcomes.filter(({ status }) => status === 503)
    const backAt = Math.max(killedAt, ...refused.map(({ endedAt }) => endedAt))
    console.log(
      `${mode}: ${count(204)} acknowledged, ${count(503)} refused, election after ${Math.round(electedAt - killedAt)} ms, back after ${Math.round(backAt - killedAt)} ms, slowest answer ${Math.round(slowest(outcomes))} ms`,
    )
    expect(refused).not.toBeEmpty()
    expect(outcomes.filter(({ status }) => status !== 204 && status !== 503)).toEqual([])
    expect(count(204)).toBeGreaterThan(0)
    expect(await missing(service.url, outcomes)).toEqual([])
  },
  300_000,
)

async function anyIsPrimary(servers: RedisServer[]): Promise<boolean> {
  const roles = await Promise.all(servers.map(({ client }) => client.role()))
  return roles.some(([role]) => role === 'master')
}
