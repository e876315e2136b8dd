import { expect, test } from 'bun:test'
import { healthy, startService } from '../support/executable.ts'
import { missing, type Outcome, putLoad } from '../support/load.ts'
import { end, temporaryFolder } from '../support/process.ts'
import { startCluster, startSentinelGroup } from '../support/redis.ts'

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

const FAILOVER_LIMIT_MS = 10_000

/** How long the slowest answer took. */
function slowest(outcomes: Outcome[]): number {
  return Math.max(...outcomes.map(({ startedAt, endedAt }) => endedAt - startedAt))
}

const topologies = [
  {
    mode: 'cluster',
    async start() {
      const cluster = await startCluster({ replicas: 2 })
      return { group: cluster, endpoint: cluster.endpoint, primary: cluster.servers[0]?.child }
    },
  },
  {
    mode: 'sentinel',
    async start() {
      const group = await startSentinelGroup()
      return { group, endpoint: group.endpoint, primary: group.primary.child }
    },
  },
]

test.each(topologies)(
  'a failover of Redis $mode loses no acknowledged write, and the service recovers within 10 s',
  async ({ mode, start }) => {
    const { group, endpoint, primary } = await start()
    await using _ = group
    await using service = await startService({
      REDIS_ENDPOINT: endpoint,
      REDIS_MODE: mode,
      REDIS_WAIT_REPLICAS: '1',
    })
    await healthy(service)
    const load = putLoad(service.url)
    await Bun.sleep(1000)
    if (primary) await end(primary, 'SIGKILL')
    const killedAt = performance.now()
    await Bun.sleep(FAILOVER_LIMIT_MS + 1000)
    await load.stop()
    const { outcomes } = load
    const count = (wanted: number) => outcomes.filter(({ status }) => status === wanted).length
    const refused = outcomes.filter(({ status }) => status === 503)
    const outage = Math.max(0, ...refused.map(({ endedAt }) => endedAt - killedAt))
    console.log(
      `${mode}: ${count(204)} acknowledged, ${count(503)} refused, back after ${Math.round(outage)} ms, slowest answer ${Math.round(slowest(outcomes))} ms`,
    )
    expect(refused).not.toBeEmpty()
    expect(outage).toBeLessThan(FAILOVER_LIMIT_MS)
    expect(outcomes.filter(({ status }) => status !== 204 && status !== 503)).toEqual([])
    expect(count(204)).toBeGreaterThan(0)
    expect(await missing(service.url, outcomes)).toEqual([])
  },
  60_000,
)
