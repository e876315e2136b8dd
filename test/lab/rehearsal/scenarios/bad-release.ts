import { HOST_ADDRESS } from '../names.ts'
import { expectMark } from './faulty-release.ts'
import type { Scenario } from './scenario.ts'

export const badRelease: Scenario = {
  shows: 'B never becomes healthy, since it is configured wrongly: it is rolled back',
  releases: ['a', 'b'],
  // Nobody listens there.
  settings: () => ({ b: { REDIS_ENDPOINT: `${HOST_ADDRESS}:1` } }),
  async play(rehearsal) {
    const stall = String(600 / rehearsal.assignment.pace)
    const rollout = await rehearsal.rollOut('b', ['--stall-seconds', stall])
    rehearsal.expectRollout(rollout, 3, 'a')
    expectMark(rehearsal, 'b')
    const { id } = rehearsal.release('b')
    const reached = rehearsal.instances.lives.filter(
      (life) => life.healthyAt && rehearsal.plane.instance(life.id).tags.release === id,
    )
    rehearsal.expect(
      'none of its instances ever got requests',
      reached.length === 0,
      `${reached.length} did`,
    )
  },
}
