import { CLIENT_TIMEOUT_MS } from '../load/lines.ts'
import type { Scenario } from './scenario.ts'

/** How long until DNS no longer names a node that died. */
const UNLISTED_MS = 10_000

export const zoneLoss: Scenario = {
  shows:
    'a zone is gone halfway, with its instances and its node of the load balancer: they are replaced, and the rollout continues',
  releases: ['a', 'b'],
  // Half of it is still longer than boot and the first health checks.
  pace: () => ({ grace: 2 }),
  realMinutes: true,
  async play(rehearsal) {
    const { balancer, plane } = rehearsal
    const going = rehearsal.rollOut('b', ['--failure-budget', 'any'])
    await rehearsal.checkpoint()
    const zone = rehearsal.serving('b')[0]?.zone ?? ''
    const node = balancer.nodes[plane.group.zones.indexOf(zone)]
    if (!node) throw new Error('no instance of release b serves at the checkpoint')
    const victims = plane.instances.filter(
      (instance) => instance.zone === zone && instance.lifecycle === 'InService',
    )
    rehearsal.beginMinute()
    rehearsal.mark(`zone ${zone} is gone, with ${victims.length} instances`)
    const lostAt = Date.now()
    rehearsal.allow(
      ({ sentAt, instance }) =>
        sentAt >= lostAt - CLIENT_TIMEOUT_MS &&
        sentAt <= lostAt + balancer.noticedMs &&
        (instance === undefined || victims.some(({ id }) => id === instance)),
    )
    await Promise.all([
      ...victims.map(({ id }) => rehearsal.instances.kill(id)),
      node.stop(),
      Bun.sleep(UNLISTED_MS),
    ])
    balancer.removeNode(node)
    rehearsal.expectRollout(await going, 0, 'b')
    const left = victims.filter(({ lifecycle }) => !/^Terminat/.test(lifecycle))
    rehearsal.expect('its instances are replaced', left.length === 0, `${left.length} are not`)
  },
}
