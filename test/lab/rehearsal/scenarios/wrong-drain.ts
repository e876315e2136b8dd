import { restartInPlace } from './deploy.ts'
import type { Scenario } from './scenario.ts'

export const wrongDrain: Scenario = {
  shows: 'an instance that does not drain is restarted in place: requests must fail',
  releases: ['a'],
  settings: () => ({ a: { DRAIN_SECONDS: '0' } }),
  play: restartInPlace,
}
