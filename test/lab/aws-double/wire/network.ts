import { accountOf } from '../account.ts'
import type { ControlPlane } from '../control-plane.ts'
import type { Query, Xml } from './query.ts'

type Action = (plane: ControlPlane, query: Query) => Xml

const VPC = 'vpc-0123456789abcdef0'

/** What EC2 (2016-11-15) tells about the network around the group. */
export const network: Record<string, Action> = {
  DescribeSubnets: (plane, query) => {
    const ids = query.list('SubnetId')
    return {
      subnetSet: accountOf(plane)
        .subnets.filter(({ id }) => ids.length === 0 || ids.includes(id))
        .map(({ id, free }) => ({ subnetId: id, vpcId: VPC, availableIpAddressCount: free })),
    }
  },

  DescribeVpcEndpoints: (plane, query) => {
    const vpcs = query.filters().get('vpc-id') ?? [VPC]
    const endpoints = vpcs.includes(VPC) ? accountOf(plane).endpoints : []
    return {
      vpcEndpointSet: endpoints.map(({ service, type, state, privateDns, subnets }) => ({
        vpcEndpointId: `vpce-${service}`,
        vpcEndpointType: type,
        vpcId: VPC,
        serviceName: `com.amazonaws.eu-west-1.${service}`,
        state,
        privateDnsEnabled: privateDns,
        subnetIdSet: subnets,
      })),
    }
  },
}
