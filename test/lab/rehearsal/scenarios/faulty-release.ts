import type { ReleaseName } from '../fleet/releases.ts'
import type { FailureClass } from '../load/lines.ts'
import type { Rehearsal } from '../rehearsal.ts'

/** Allows failures of these classes, of the faulty release alone. */
export function allowFaults(rehearsal: Rehearsal, classes: FailureClass[]): void {
  const { id } = rehearsal.release('faulty')
  rehearsal.allow(
    ({ what, instance }) =>
      classes.includes(what) &&
      instance !== undefined &&
      rehearsal.plane.instance(instance).tags.release === id,
  )
}

/** Waits until the load balancer has left it: over connections that are open it still gets requests, and fails. */
export async function untilUnused(rehearsal: Rehearsal): Promise<void> {
  const { plane, balancer } = rehearsal
  const { id: release } = rehearsal.release('faulty')
  const left = plane.instances.filter(({ tags }) => tags.release === release)
  await rehearsal.until('no connection to the faulty release is left', () =>
    left.every(({ id }) => balancer.connections(id) === 0),
  )
}

export function expectMark(rehearsal: Rehearsal, name: ReleaseName): void {
  const marked = rehearsal.plane.group.tags['rolled-back-release']
  const isRight = marked === rehearsal.release(name).id
  rehearsal.expect('the release is marked as rolled back', isRight, marked ?? 'no mark')
}
