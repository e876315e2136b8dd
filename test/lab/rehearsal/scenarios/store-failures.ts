import type { Rehearsal } from './rehearsal.ts'

const STORE_OUTAGE_MS = 20_000
/** How long after its end clients may notice an outage. */
const AFTERMATH_MS = 2_000
/** Sentinels notice after a second and vote; the service follows with its next connection. */
const FAILOVER_MS = 15_000

export async function storeOutage(rehearsal: Rehearsal): Promise<void> {
  const going = rehearsal.rollOut('b', ['--failure-budget', 'any'])
  await rehearsal.checkpoint()
  const before = new Set(rehearsal.serving().map(({ id }) => id))
  rehearsal.beginMinute()
  rehearsal.mark('the store is gone')
  const goneAt = Date.now()
  let backAt = Number.POSITIVE_INFINITY
  rehearsal.allow(
    ({ what, sentAt }) =>
      what === 'store 503' && sentAt >= goneAt - AFTERMATH_MS && sentAt <= backAt + AFTERMATH_MS,
  )
  await rehearsal.store.kill()
  await Bun.sleep(STORE_OUTAGE_MS)
  await rehearsal.store.start()
  backAt = Date.now()
  rehearsal.mark('the store is back')
  rehearsal.expectRollout(await going, 0, 'b')
  const replaced = rehearsal.plane.instances.filter(({ health }) => health === 'Unhealthy')
  rehearsal.expect(
    'no instance is replaced because of it',
    replaced.length === 0,
    `${replaced.length} of ${before.size} that served when it failed`,
  )
}

export async function storeFailover(rehearsal: Rehearsal): Promise<void> {
  const going = rehearsal.rollOut('b', ['--failure-budget', 'any'])
  await rehearsal.checkpoint()
  rehearsal.beginMinute()
  rehearsal.mark('the primary of the store dies')
  const diedAt = Date.now()
  rehearsal.allow(
    ({ what, sentAt }) =>
      what === 'store 503' && sentAt >= diedAt - AFTERMATH_MS && sentAt <= diedAt + FAILOVER_MS,
  )
  await rehearsal.store.kill()
  rehearsal.expectRollout(await going, 0, 'b')
  const replaced = rehearsal.plane.instances.filter(({ health }) => health === 'Unhealthy')
  rehearsal.expect(
    'no instance is replaced because of it',
    replaced.length === 0,
    `${replaced.length} were`,
  )
}
