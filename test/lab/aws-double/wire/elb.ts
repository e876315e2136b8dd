import { service } from '../../../../scripts/lib/service.ts'
import type { ControlPlane } from '../control-plane.ts'
import { ApiError } from '../errors.ts'
import { arn } from '../names.ts'
import type { Query, Xml } from './query.ts'

type Action = (plane: ControlPlane, query: Query) => Xml

const PORT = service.port

export const CERTIFICATE_ARN =
  'arn:aws:acm:eu-west-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef'

/** The actions of Elastic Load Balancing v2 (2015-12-01) that the scripts use. */
export const elb: Record<string, Action> = {
  DescribeTargetHealth: (plane, query) => {
    const arn = query.text('TargetGroupArn')
    if (arn !== plane.group.targetGroupArn) {
      throw new ApiError('TargetGroupNotFound', `Target groups '${arn}' not found`)
    }
    const ids = query.items('Targets').map((prefix) => query.text(`${prefix}.Id`))
    const targets = plane.instances.filter(
      ({ id, target, lifecycle }) =>
        (ids.length > 0 ? ids.includes(id) : target.state !== 'unused') &&
        lifecycle !== 'Terminated',
    )
    return {
      TargetHealthDescriptions: targets.map(({ id, zone, target }) => ({
        Target: { Id: id, Port: PORT, AvailabilityZone: zone },
        HealthCheckPort: String(PORT),
        TargetHealth: {
          State: target.state,
          Reason: target.reason,
          Description: target.description,
        },
      })),
    }
  },

  DescribeTargetGroups: (plane) => ({
    TargetGroups: [
      {
        TargetGroupArn: plane.group.targetGroupArn,
        TargetGroupName: plane.group.name,
        Protocol: 'HTTP',
        Port: PORT,
        HealthCheckPath: service.health.path,
        HealthCheckIntervalSeconds: 5,
        HealthyThresholdCount: 2,
        UnhealthyThresholdCount: 3,
        LoadBalancerArns: [loadBalancerArn(plane)],
      },
    ],
  }),

  DescribeLoadBalancers: (plane) => ({
    LoadBalancers: [
      {
        LoadBalancerArn: loadBalancerArn(plane),
        LoadBalancerName: plane.group.name,
        DNSName: plane.group.loadBalancerDns,
        State: { Code: 'active' },
        Type: 'application',
      },
    ],
  }),

  DescribeListeners: (plane) => ({
    Listeners: [
      listener(plane, 'HTTP', plane.group.listenerPort),
      ...(plane.group.https ? [listener(plane, 'HTTPS', 443)] : []),
    ],
  }),
}

function listener(plane: ControlPlane, Protocol: string, Port: number): Xml {
  const arn = loadBalancerArn(plane)
  return {
    ListenerArn: `${arn.replace(':loadbalancer/', ':listener/')}/${Port}`,
    LoadBalancerArn: arn,
    Protocol,
    Port,
    Certificates: Protocol === 'HTTPS' ? [{ CertificateArn: CERTIFICATE_ARN }] : undefined,
  }
}

export function loadBalancerArn({ group }: ControlPlane): string {
  return arn('elasticloadbalancing', `loadbalancer/app/${group.name}/0123456789abcdef`)
}
