import {
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeTargetGroupsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Aws } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import type { Fleet } from './fleet.ts'

/**
 * The URL of the service through its load balancer: the load balancer's own name and port, or with HTTPS, whose
 * certificate is for another name, what `recordedUrl` knows of the group. Throws with the reason if neither is found.
 */
export async function findUrl(
  aws: Aws,
  fleet: Fleet,
  recordedUrl: (group: string) => Promise<string | undefined>,
): Promise<string> {
  const found = await fromBalancer(aws, fleet).catch((error) => notFound(explain(error)))
  if (found !== 'https') return found
  return (
    (await recordedUrl(fleet.name)) ??
    notFound(`the load balancer uses HTTPS, and terraform output here has no url for ${fleet.name}`)
  )
}

async function fromBalancer({ elb }: Aws, { group, name }: Fleet): Promise<string> {
  const TargetGroupArns = group.TargetGroupARNs ?? []
  if (TargetGroupArns.length === 0) return notFound(`${name} has no target group`)
  const { TargetGroups } = await elb.send(new DescribeTargetGroupsCommand({ TargetGroupArns }))
  const LoadBalancerArn = TargetGroups?.[0]?.LoadBalancerArns?.[0]
  if (!LoadBalancerArn) return notFound(`no load balancer forwards to the target group of ${name}`)
  const [{ LoadBalancers }, { Listeners = [] }] = await Promise.all([
    elb.send(new DescribeLoadBalancersCommand({ LoadBalancerArns: [LoadBalancerArn] })),
    elb.send(new DescribeListenersCommand({ LoadBalancerArn })),
  ])
  if (Listeners.some(({ Protocol }) => Protocol === 'HTTPS')) return 'https'
  const port = Listeners.find(({ Protocol }) => Protocol === 'HTTP')?.Port ?? 80
  return new URL(`http://${LoadBalancers?.[0]?.DNSName}:${port}`).origin
}

function notFound(why: string): never {
  throw new Error(`no probe, because the service's URL was not found: ${why} (set it with --url)`)
}
