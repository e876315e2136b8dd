import { TURN_BAD } from '../fleet/faulty/fault.ts'
import { allowFaults, untilUnused } from './faulty-release.ts'
import type { Scenario } from './scenario.ts'

export const followerKilled: Scenario = {
  shows:
    'scripts/rollout is killed, then the new release turns bad: an alarm has AWS roll it back, and it stays out afterwards',
  releases: ['a', 'faulty'],
  settings: () => ({ faulty: { FAULT: 'turns-bad' } }),
  async play(rehearsal) {
    allowFaults(rehearsal, ['target 5xx'])
    const now = Promise.withResolvers<void>()
    const going = rehearsal.rollOut('faulty', ['--failure-budget', 'any'], {
      signal: 'SIGKILL',
      when: now.promise,
    })
    await rehearsal.checkpoint()
    now.resolve()
    await going
    rehearsal.mark('it starts to return 500')
    for (const { id } of rehearsal.serving('faulty')) {
      await rehearsal.instances.shell(id, `touch ${TURN_BAD}`)
    }
    const [refresh] = rehearsal.plane.refreshes
    await rehearsal.until('AWS has rolled back', () => refresh?.status === 'RollbackSuccessful')
    const why = refresh?.rollback?.reason ?? 'no reason'
    rehearsal.expect('an alarm rolled it back', /target-5xx is in ALARM/.test(why), why)
    const again = await rehearsal.rollOut('faulty', ['--skip-rolled-back'])
    rehearsal.expectRollout(again, 0, 'a')
    const { verdict = 'no verdict' } = again
    rehearsal.expect('the next start skips the release', verdict === 'skipped', verdict)
    await untilUnused(rehearsal)
  },
}
