import type { ReleaseName } from '../fleet/releases.ts'
import type { FailedRequest } from '../load/lines.ts'
import type { Rehearsal } from './rehearsal.ts'

export async function badRelease(rehearsal: Rehearsal): Promise<void> {
  const rollout = await rehearsal.rollOut('never-healthy', [
    '--stall-seconds',
    String(600 / rehearsal.assignment.pace),
  ])
  rehearsal.expectRollout(rollout, 3, 'a')
  expectMark(rehearsal, 'never-healthy')
  const { id } = rehearsal.release('never-healthy')
  const reached = rehearsal.instances.lives.some(
    (life) => life.healthyAt && rehearsal.plane.instance(life.id).tags.release === id,
  )
  rehearsal.expect(
    'none of its instances ever got requests',
    !reached,
    reached ? 'one did' : 'none did',
  )
}

export async function badAfterCheckpoint(rehearsal: Rehearsal): Promise<void> {
  allowOf(rehearsal, 'turns-bad', ['target 5xx'])
  const going = rehearsal.rollOut('turns-bad', ['--failure-budget', 'any'])
  await rehearsal.checkpoint()
  await turnBad(rehearsal)
  rehearsal.expectRollout(await going, 3, 'a')
  const why = rehearsal.plane.refreshes[0]?.rollback?.reason ?? 'no rollback'
  rehearsal.expect('an alarm rolled it back', /target-5xx is in ALARM/.test(why), why)
  await leave(rehearsal, 'turns-bad')
}

export async function brokenRelease(rehearsal: Rehearsal): Promise<void> {
  allowOf(rehearsal, 'broken', ['unexpected status', 'wrong body'])
  rehearsal.expectRollout(await rehearsal.rollOut('broken'), 3, 'a')
  expectMark(rehearsal, 'broken')
  const launched = rehearsal.plane.instances.filter(({ version }) => version === 2).length
  const { instances } = rehearsal.assignment
  rehearsal.expect(
    'it never gets to the whole fleet',
    launched < instances,
    `${launched} of ${instances} launched`,
  )
  await leave(rehearsal, 'broken')
}

export async function followerKilled(rehearsal: Rehearsal): Promise<void> {
  allowOf(rehearsal, 'turns-bad', ['target 5xx'])
  const now = Promise.withResolvers<void>()
  const going = rehearsal.rollOut('turns-bad', ['--failure-budget', 'any'], {
    signal: 'SIGKILL',
    when: now.promise,
  })
  await rehearsal.checkpoint()
  now.resolve()
  await going
  await turnBad(rehearsal)
  await rehearsal.until(
    'AWS has rolled back',
    () => rehearsal.plane.refreshes[0]?.status === 'RollbackSuccessful',
  )
  const again = await rehearsal.rollOut('turns-bad', ['--skip-rolled-back'])
  rehearsal.expectRollout(again, 0, 'a')
  const { verdict = 'no verdict' } = again
  rehearsal.expect('the next start skips the release', verdict === 'skipped', verdict)
  await leave(rehearsal, 'turns-bad')
}

/** Waits until the load balancer has left a release: over connections that are open it still gets requests, and fails. */
async function leave(rehearsal: Rehearsal, name: ReleaseName): Promise<void> {
  const { plane, balancer } = rehearsal
  const { id: release } = rehearsal.release(name)
  const left = plane.instances.filter(({ tags }) => tags.release === release)
  await rehearsal.until(`no connection to release ${name} is left`, () =>
    left.every(({ id }) => balancer.connections(id) === 0),
  )
}

async function turnBad(rehearsal: Rehearsal): Promise<void> {
  rehearsal.mark('it starts to return 500')
  for (const { id } of rehearsal.serving('turns-bad')) {
    await rehearsal.instances.shell(id, 'touch /etc/app/turn-bad')
  }
}

/** Allows the failures `what` of the instances of a release. */
function allowOf(rehearsal: Rehearsal, name: ReleaseName, what: FailedRequest['what'][]): void {
  const bad = rehearsal.release(name).id
  rehearsal.allow(
    (failure) =>
      what.includes(failure.what) &&
      failure.instance !== undefined &&
      rehearsal.plane.instance(failure.instance).tags.release === bad,
  )
}

export function expectMark(rehearsal: Rehearsal, name: ReleaseName): void {
  const marked = rehearsal.plane.group.tags['rolled-back-release']
  const isRight = marked === rehearsal.release(name).id
  rehearsal.expect('the release is marked as rolled back', isRight, marked ?? 'no mark')
}
