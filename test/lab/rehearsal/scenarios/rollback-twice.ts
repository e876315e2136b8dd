import { expectMark } from './faulty-release.ts'
import type { Scenario } from './scenario.ts'

export const rollbackTwice: Scenario = {
  shows: 'a rollback that is interrupted and said again goes back once, and no further',
  releases: ['a', 'b'],
  async play(rehearsal) {
    const there = await rehearsal.rollOut('b')
    rehearsal.expectRollout(there, 0, 'b')
    if (there.exitCode !== 0) return
    const now = Promise.withResolvers<void>()
    // It bakes, so that the second finds it running.
    const first = rehearsal.rollout('a', ['rollback', '--watch-seconds', '60'], {
      signal: 'SIGINT',
      when: now.promise,
    })
    await rehearsal.until(
      'an instance of release a serves',
      () => rehearsal.serving('a').length > 0,
    )
    now.resolve()
    const { exitCode } = await first
    rehearsal.expect('the first is interrupted', exitCode === 130, `exit code ${exitCode}`)
    for (const verdict of ['shipped', 'skipped']) {
      const again = await rehearsal.rollout('a', ['rollback'])
      rehearsal.expectRollout(again, 0, 'a')
      rehearsal.expect(`its verdict is '${verdict}'`, again.verdict === verdict, `${again.verdict}`)
    }
    const { length } = rehearsal.plane.refreshes
    rehearsal.expect('one refresh went back', length === 2, `${length} refreshes`)
    expectMark(rehearsal, 'b')
  },
}
