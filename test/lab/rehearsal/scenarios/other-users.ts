import { allowFaults, expectMark, untilUnused } from './faulty-release.ts'
import type { Scenario } from './scenario.ts'

/** The first checkpoint is long enough for as many readings as on AWS, which are not as far apart. */
const PACE = 3
const READINGS_SECONDS = '3'

export const otherUsers: Scenario = {
  shows:
    'the new release fails for names that the probe never asks for: what users get rolls it back',
  releases: ['a', 'faulty'],
  settings: { faulty: { FAULT: 'other-users' } },
  pace: (pace) => ({ checkpoint: Math.min(pace, PACE) }),
  // An alarm would ring, too, but later.
  realMinutes: true,
  async play(rehearsal) {
    allowFaults(rehearsal, ['target 5xx'])
    const rollout = await rehearsal.rollOut('faulty', ['--traffic-seconds', READINGS_SECONDS])
    rehearsal.expectRollout(rollout, 3, 'a')
    expectMark(rehearsal, 'faulty')
    const { probe, traffic } = rollout
    rehearsal.expect(
      'no request of the probe failed',
      probe?.failed === 0,
      `${probe?.failed ?? 'unknown how many'} failed`,
    )
    rehearsal.expect(
      'only the new release failed for users',
      traffic !== undefined && traffic.ofNew.failed > 0 && traffic.ofOthers.failed === 0,
      traffic
        ? `${traffic.ofNew.failed} of ${traffic.ofNew.requests}, of the previous one ${traffic.ofOthers.failed} of ${traffic.ofOthers.requests}`
        : 'not seen',
    )
    await untilUnused(rehearsal)
  },
}
