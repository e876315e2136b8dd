import { allowFaults, expectMark, untilUnused } from './faulty-release.ts'
import type { Scenario } from './scenario.ts'

/** The probe compares real responses, so its checkpoint is not as much shorter as where nothing is to be noticed. */
const PACE = 3

export const brokenRelease: Scenario = {
  shows: 'the new release is healthy and answers 404 to every GET: the probe rolls it back',
  releases: ['a', 'faulty'],
  settings: () => ({ faulty: { FAULT: 'not-found' } }),
  pace: (pace) => ({ checkpoint: Math.min(pace, PACE) }),
  async play(rehearsal) {
    allowFaults(rehearsal, ['unexpected status'])
    rehearsal.expectRollout(await rehearsal.rollOut('faulty'), 3, 'a')
    expectMark(rehearsal, 'faulty')
    const launched = rehearsal.plane.instances.filter(({ version }) => version === 2).length
    const { instances } = rehearsal.assignment
    rehearsal.expect(
      'it never gets to the whole fleet',
      launched < instances,
      `${launched} of ${instances} launched`,
    )
    await untilUnused(rehearsal)
  },
}
