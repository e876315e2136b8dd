/** Plays the cells of the map, inside the namespace: `run.ts EXECUTABLE RELEASE RESULT`. */

import { DRAIN_SECONDS } from '../../../../src/config/timeouts.ts'
import { RULES } from '../balancer/configuration.ts'
import { Names } from '../balancer/dns.ts'
import { RedisStore } from '../fleet/store.ts'
import { type Cell, playCell } from './cell.ts'
import { DRAINS, LAGS, type LagMap } from './map.ts'

/** Together they make 20,000 requests in each cell. */
const RATE = 150
const LOAD_MS = 137_000
/** With 18 at a time two cores are too busy: health checks drift, and requests time out without a late node. */
const AT_ONCE = 7

const [executable = '', release = '', resultPath = ''] = process.argv.slice(2)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

try {
  const names = new Names()
  await names.start()
  // Nothing kills it, so it need not wait for the disk.
  const store = new RedisStore(6379, [])
  await store.start()
  const wanted = DRAINS.flatMap((drain) => LAGS.map((lag) => ({ lag, drain })))
  const options = { rate: RATE, loadMs: LOAD_MS, executable, names, store: store.environment }
  const cells: Cell[] = []
  for (let from = 0; from < wanted.length; from += AT_ONCE) {
    const some = wanted.slice(from, from + AT_ONCE)
    console.error(`cells ${from + 1} to ${from + some.length} of ${wanted.length}`)
    const played = some.map((each, index) =>
      playCell({ ...options, ...each, number: from + index + 1 }),
    )
    cells.push(...(await Promise.all(played)))
  }
  const { deregistration } = RULES
  const map: LagMap = { release, deregistration, defaultDrain: DRAIN_SECONDS, cells }
  await Bun.write(resultPath, JSON.stringify(map))
} catch (error) {
  console.error(`rehearse: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
process.exit(0)
