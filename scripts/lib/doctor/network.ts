import {
  DescribeInstancesCommand,
  DescribeVpcEndpointsCommand,
  type VpcEndpoint,
} from '@aws-sdk/client-ec2'
import { inService } from '../fleet/fleet.ts'
import { count, type Finding, ok, problem, problemsOr } from '../verify/finding.ts'
import type { Environment } from './environment.ts'

/** As in terraform/network.tf: without a public address, an instance has no other way to AWS. */
export const ENDPOINTS = ['ssm', 'ssmmessages', 'logs']

/** Whether the instances reach the AWS services that they need, in each of their subnets. */
export async function checkEndpoints(environment: Environment): Promise<Finding[]> {
  const { aws } = environment
  const own = await environment.subnets()
  const vpc = own[0]?.VpcId ?? ''
  const { VpcEndpoints = [] } = await aws.ec2.send(
    new DescribeVpcEndpointsCommand({ Filters: [{ Name: 'vpc-id', Values: [vpc] }] }),
  )
  if (VpcEndpoints.length === 0 && (await haveAddresses(environment))) {
    return [ok('none, and none needed: each instance has a public address')]
  }
  const named = (name: string): VpcEndpoint | undefined =>
    VpcEndpoints.find(({ ServiceName }) => ServiceName?.endsWith(`.${name}`))
  const missing = ENDPOINTS.filter((name) => !named(name)).map((name) =>
    problem(`${vpc} has no endpoint for ${name}`, 'run terraform apply, which creates it'),
  )
  const ids = own.map(({ SubnetId = '' }) => SubnetId)
  const problems = [...missing, ...VpcEndpoints.flatMap((endpoint) => unfit(endpoint, ids))]
  const services = VpcEndpoints.map(({ ServiceName }) => ServiceName?.split('.').at(-1))
  return problemsOr(problems, `available: ${services.join(', ')}`)
}

async function haveAddresses({ aws, fleet }: Environment): Promise<boolean> {
  const InstanceIds = inService(await fleet()).map(({ id }) => id)
  if (InstanceIds.length === 0) return false
  const { Reservations = [] } = await aws.ec2.send(new DescribeInstancesCommand({ InstanceIds }))
  return Reservations.flatMap(({ Instances = [] }) => Instances).every(
    ({ PublicIpAddress }) => PublicIpAddress !== undefined,
  )
}

function unfit(endpoint: VpcEndpoint, subnets: string[]): Finding[] {
  const { VpcEndpointId, ServiceName = '', VpcEndpointType, SubnetIds = [] } = endpoint
  const name = `the endpoint ${VpcEndpointId} for ${ServiceName.split('.').at(-1)}`
  if (endpoint.State?.toLowerCase() !== 'available') {
    return [
      problem(
        `${name} is ${endpoint.State}`,
        'wait some minutes; if it stays so, replace it with terraform apply -replace',
      ),
    ]
  }
  if (VpcEndpointType !== 'Interface') return []
  const bare = subnets.filter((id) => !SubnetIds.includes(id))
  return [
    ...(endpoint.PrivateDnsEnabled
      ? []
      : [
          problem(
            `${name} has no private DNS: instances look for AWS outside, and have no way there`,
            'run terraform apply, which turns it on',
          ),
        ]),
    // It is reached from the other zones too, but not while its own zone fails.
    ...(bare.length > 0
      ? [problem(`${name} is not in ${bare.join(', ')}`, 'run terraform apply, which adds it')]
      : []),
  ]
}

/** A refresh has as many new instances as old ones for a while. */
export const DOUBLED = 2

/** Whether the subnets have addresses for a rollout at the group's maximum size. */
export async function checkAddresses({ fleet, subnets }: Environment): Promise<Finding[]> {
  const [{ group }, own] = [await fleet(), await subnets()]
  const each = Math.ceil((DOUBLED * (group.MaxSize ?? 0)) / Math.max(1, own.length))
  const here = Math.floor((group.Instances?.length ?? 0) / Math.max(1, own.length))
  const problems = own
    .filter(({ AvailableIpAddressCount = 0 }) => AvailableIpAddressCount < each - here)
    .map(({ SubnetId, AvailableIpAddressCount }) =>
      problem(
        `${SubnetId} has ${AvailableIpAddressCount} free addresses, and a rollout at ${count(group.MaxSize ?? 0, 'instance')} needs ${each - here} more there`,
        'lower max_size, or give the environment a larger vpc_cidr',
      ),
    )
  const free = own.map(({ AvailableIpAddressCount = 0 }) => AvailableIpAddressCount)
  return problemsOr(problems, `the subnets have ${free.join(' and ')} free addresses`)
}
