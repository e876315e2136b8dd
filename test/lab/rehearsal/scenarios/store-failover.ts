import type { Scenario } from './scenario.ts'
import { loseStore } from './store-outage.ts'

/** Longer than the cluster needs to notice and vote, and the service to follow. */
const FAILOVER_MS = 15_000

export const storeFailover: Scenario = {
  shows:
    'a primary of the cluster dies halfway: a replica replaces it, and no acknowledged write is lost',
  releases: ['a', 'b'],
  realMinutes: true,
  cluster: true,
  play: (rehearsal) => loseStore(rehearsal, () => Bun.sleep(FAILOVER_MS)),
}
