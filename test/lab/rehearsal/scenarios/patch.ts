import type { Scenario } from './scenario.ts'

export const patch: Scenario = {
  shows:
    'the same release in a patched image, and back: instances that answer alike are told apart, and the image is blamed alone',
  releases: ['a', 'patched'],
  async play(rehearsal) {
    const there = await rehearsal.rollOut('patched')
    rehearsal.expectRollout(there, 0, 'patched')
    if (there.exitCode !== 0) return
    const back = await rehearsal.rollout('a', ['rollback'])
    rehearsal.expectRollout(back, 0, 'a')
    const mark = rehearsal.plane.group.tags['rolled-back-release']
    rehearsal.expect(
      'the image is marked, and not the release',
      mark === rehearsal.imageOf('patched'),
      `${mark}`,
    )
    const again = await rehearsal.rollOut('patched')
    rehearsal.expectRollout(again, 1, 'a')
  },
}
