import { service } from '../../../../scripts/lib/service.ts'
import { FIRST_PASSWORD } from '../fleet/secrets.ts'
import type { Scenario } from './scenario.ts'

export const rotation: Scenario = {
  shows:
    "the store's password is replaced halfway through a rollout: no request fails, and the former password is refused afterwards",
  releases: ['a', 'b'],
  secrets: true,
  async play(rehearsal) {
    const going = rehearsal.rollOut('b')
    await rehearsal.checkpoint()
    rehearsal.mark('the password is rotated')
    const from = Date.now()
    const words = ['rotate', 'password', '--environment', 'rehearsal']
    const code = await rehearsal.script('secrets', words, 'rotation.log')
    const seconds = ((Date.now() - from) / 1000).toFixed(1)
    rehearsal.mark('rotated')
    rehearsal.expect('scripts/secrets rotates', code === 0, `exit code ${code} after ${seconds} s`)
    rehearsal.expectRollout(await going, 0, 'b')
    const answer = await rehearsal.redis.ask('auth', service.name, FIRST_PASSWORD)
    rehearsal.expect(
      'the store refuses the former password',
      answer.includes('WRONGPASS'),
      answer.trim(),
    )
  },
}
