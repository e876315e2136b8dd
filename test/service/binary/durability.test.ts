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
    await Bun.sleep(150 + 20 * (round % 5))
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
}, 120_000)

const RECOVERY_LIMIT_MS = 10_000
/** A longer election is a split vote, with a pause after it: that is Redis' time, and not the service's. */
const QUICK_ELECTION_MS = 5_000
const ELECTION = { withinMs: 60_000 }

/** How long the slowest answer took. */
function slowest(outcomes: Outcome[]): number {
  return Math.max(...outcomes.map(({ startedAt, endedAt }) => endedAt - startedAt))
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
  'a failover of Redis $mode loses no acknowledged write, and the service recovers within 10 s, after a split vote 10 s later',
  async ({ mode, start }) => {
    await using group = await start()
    await using service = await startService({
      REDIS_ENDPOINT: group.endpoint,
      REDIS_MODE: mode,
      REDIS_WAIT_REPLICAS: '1',
    })
    await healthy(service)
    const load = putLoad(service.url)
    await Bun.sleep(1000)
    if (group.primary) await end(group.primary.child)
    const killedAt = performance.now()
    await eventually('a replica is primary', () => anyIsPrimary(group.replicas), ELECTION)
    const electedAt = performance.now()
    const since = electedAt - killedAt > QUICK_ELECTION_MS ? electedAt : killedAt
    await Bun.sleep(since + RECOVERY_LIMIT_MS + 1000 - performance.now())
    await load.stop()
    const { outcomes } = load
    const count = (wanted: number) => outcomes.filter(({ status }) => status === wanted).length
    const refused = outcomes.filter(({ status }) => status === 503)
    const backAt = Math.max(killedAt, ...refused.map(({ endedAt }) => endedAt))
    console.log(
      `${mode}: ${count(204)} acknowledged, ${count(503)} refused, election after ${Math.round(electedAt - killedAt)} ms, back after ${Math.round(backAt - killedAt)} ms, slowest answer ${Math.round(slowest(outcomes))} ms`,
    )
    expect(refused).not.toBeEmpty()
    expect(backAt - since).toBeLessThan(RECOVERY_LIMIT_MS)
    expect(outcomes.filter(({ status }) => status !== 204 && status !== 503)).toEqual([])
    expect(count(204)).toBeGreaterThan(0)
    expect(await missing(service.url, outcomes)).toEqual([])
  },
  120_000,
)

async function anyIsPrimary(servers: RedisServer[]): Promise<boolean> {
  const roles = await Promise.all(servers.map(({ client }) => client.role()))
  return roles.some(([role]) => role === 'master')
}
