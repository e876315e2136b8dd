import { TTL_SECONDS } from '../balancer/dns.ts'
import { CLIENT_TIMEOUT_MS } from '../load/lines.ts'
import { SPARE_NODE_ADDRESS } from '../names.ts'
import type { Rehearsal } from './rehearsal.ts'

/** How long until DNS no longer names a node that died. */
const UNLISTED_MS = 10_000
/** Clients that keep an address a little too long. */
const STALE = 2

/** Ends when an old instance is gone, of which the last node has heard meanwhile. */
export async function rollWhileLate(rehearsal: Rehearsal): Promise<void> {
  const rollout = await rehearsal.rollOut('b')
  rehearsal.expectRollout(rollout, 0, 'b')
  await rehearsal.until('an instance of release a is gone', () => rehearsal.gone('a') > 0)
}

export const scaleOut = (rehearsal: Rehearsal): Promise<void> => scale(rehearsal, 1)

export const scaleIn = (rehearsal: Rehearsal): Promise<void> => scale(rehearsal, -1)

/** Changes the desired capacity in mid-rollout, as a scaling policy does. */
async function scale(rehearsal: Rehearsal, by: number): Promise<void> {
  const going = rehearsal.rollOut('b')
  await rehearsal.checkpoint()
  const { group } = rehearsal.plane
  group.desired += by
  rehearsal.mark(`desired capacity ${group.desired}`)
  rehearsal.expectRollout(await going, 0, 'b', group.desired)
}

/** The load balancer replaces one of its nodes, as it does when it scales or is maintained. */
export async function replaceNode(rehearsal: Rehearsal): Promise<void> {
  const { balancer } = rehearsal
  const going = rehearsal.rollOut('b')
  await rehearsal.checkpoint()
  const [leaving] = balancer.nodes
  if (!leaving) throw new Error('the load balancer has no node')
  const coming = await balancer.addNode(SPARE_NODE_ADDRESS)
  rehearsal.mark(`node ${coming.address} comes`)
  balancer.unlist(leaving)
  await Bun.sleep(STALE * TTL_SECONDS * 1000)
  await balancer.removeNode(leaving, 'leave')
  rehearsal.mark(`node ${leaving.address} has left`)
  rehearsal.expectRollout(await going, 0, 'b')
}

/** A zone is gone, with its node and its instances. */
export async function loseZone(rehearsal: Rehearsal): Promise<void> {
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
  await balancer.removeNode(node, 'stop')
  rehearsal.expectRollout(await going, 0, 'b')
  const left = victims.filter(({ lifecycle }) => !/^Terminat/.test(lifecycle))
  rehearsal.expect('its instances are replaced', left.length === 0, `${left.length} are not`)
}
