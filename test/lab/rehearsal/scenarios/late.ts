import type { Scenario } from './scenario.ts'

export const late: Scenario = {
  shows: 'the load balancer hears of every change up to --lag seconds late: no request fails',
  releases: ['a', 'b'],
  // Real, so that the last node has heard when it matters: the bake outlasts the lag, as the last checkpoint does on AWS.
  pace: () => ({ warmup: 1, bake: 1 }),
  late: true,
  async play(rehearsal) {
    rehearsal.expectRollout(await rehearsal.rollOut('b'), 0, 'b')
    // Of which the last node has heard meanwhile.
    await rehearsal.until('an instance of release a is gone', () =>
      rehearsal.plane.instances.some(({ lifecycle }) => lifecycle === 'Terminated'),
    )
  },
}
