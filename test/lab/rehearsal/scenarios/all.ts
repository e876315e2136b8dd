import { badRelease } from './bad-release.ts'
import { brokenRelease } from './broken-release.ts'
import { deploy } from './deploy.ts'
import { followerKilled } from './follower-killed.ts'
import { late } from './late.ts'
import { mixed } from './mixed.ts'
import { otherUsers } from './other-users.ts'
import { patch } from './patch.ts'
import { rollbackTwice } from './rollback-twice.ts'
import { rotation } from './rotation.ts'
import type { Scenario } from './scenario.ts'
import { storeFailover } from './store-failover.ts'
import { storeOutage } from './store-outage.ts'
import { wrongDrain } from './wrong-drain.ts'
import { zoneLoss } from './zone-loss.ts'

/** By name. Those with `wrong-` must fail: they show that a rehearsal detects problems. */
export const SCENARIOS: Record<string, Scenario> = {
  deploy,
  'bad-release': badRelease,
  'broken-release': brokenRelease,
  'other-users': otherUsers,
  'follower-killed': followerKilled,
  'rollback-twice': rollbackTwice,
  patch,
  'zone-loss': zoneLoss,
  'store-outage': storeOutage,
  'store-failover': storeFailover,
  rotation,
  mixed,
  late,
  'wrong-drain': wrongDrain,
}

/** The scenario with this name. Throws if there is none. */
export function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS[name]
  if (!scenario) throw new Error(`there is no scenario '${name}'`)
  return scenario
}
