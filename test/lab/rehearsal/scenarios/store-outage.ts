import type { Rehearsal } from '../rehearsal.ts'
import type { Scenario } from './scenario.ts'

const OUTAGE_MS = 20_000

export const storeOutage: Scenario = {
  shows: 'the store is gone for 20 s halfway: no instance is replaced, and the rollout continues',
  releases: ['a', 'b'],
  realMinutes: true,
  async play(rehearsal) {
    await loseStore(rehearsal, async () => {
      await Bun.sleep(OUTAGE_MS)
      await rehearsal.store.start()
      rehearsal.mark('the store is back')
    })
  },
}

/** How long before an outage the requests were sent that notice it, and after its end. */
const AROUND_MS = 2_000

/** Kills the store, or its primary, in mid-rollout. Requests may fail until `recovered`, and no instance is to blame. */
export async function loseStore(
  rehearsal: Rehearsal,
  recovered: () => Promise<void>,
): Promise<void> {
  const going = rehearsal.rollOut('b', ['--failure-budget', 'any'])
  await rehearsal.checkpoint()
  rehearsal.beginMinute()
  rehearsal.mark('the store is killed')
  const from = Date.now() - AROUND_MS
  let until = Number.POSITIVE_INFINITY
  rehearsal.allow(({ what, sentAt }) => what === 'store 503' && sentAt >= from && sentAt <= until)
  await rehearsal.store.kill()
  await recovered()
  until = Date.now() + AROUND_MS
  rehearsal.expectRollout(await going, 0, 'b')
  const replaced = rehearsal.plane.instances.filter(({ health }) => health === 'Unhealthy')
  rehearsal.expect(
    'no instance is replaced because of it',
    replaced.length === 0,
    `${replaced.length} were`,
  )
}
