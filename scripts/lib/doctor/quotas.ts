import { type Instance, paginateDescribeInstances } from '@aws-sdk/client-ec2'
import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
} from '@aws-sdk/client-service-quotas'
import { unless } from '../aws/errors.ts'
import { INSTANCES_A_PAGE } from '../fleet/fleet.ts'
import { count, type Finding, ok, problem, unknown } from '../verify/finding.ts'
import type { Account } from './account.ts'
import type { Environment } from './environment.ts'
import { DOUBLED } from './network.ts'

interface Quota {
  service: string
  code: string
  name: string
}

/** One quota for all of these families; each other family has its own. */
const STANDARD_VCPUS: Quota = {
  service: 'ec2',
  code: 'L-1216C47A',
  name: 'vCPUs of running on-demand standard instances',
}
const STANDARD_FAMILY = /^[acdhimrtz]\d/

const TARGETS: Quota = {
  service: 'elasticloadbalancing',
  code: 'L-7E6692B2',
  name: 'targets per Application Load Balancer',
}

/** Whether the account's quotas allow a rollout at the group's maximum size, when as many instances again are launched. */
export async function checkQuotas(environment: Environment): Promise<Finding[]> {
  const checks = await Promise.all([checkVcpus(environment), checkTargets(environment)])
  return checks.flat()
}

async function checkVcpus({ aws, group, fleet }: Environment): Promise<Finding[]> {
  const { group: settings } = await fleet()
  const most = DOUBLED * (settings.MaxSize ?? 0)
  const running = await runningInstances(aws)
  const isOurs = ({ Tags = [] }: Instance): boolean =>
    Tags.some(({ Key, Value }) => Key === 'aws:autoscaling:groupName' && Value === group)
  const [one] = running.filter(isOurs)
  if (!one) return [unknown(`${group} has no running instance to tell how many vCPUs it needs`)]
  if (!STANDARD_FAMILY.test(one.InstanceType ?? '')) {
    return [
      unknown(`${one.InstanceType} counts against a quota of its own family: see the console`),
    ]
  }
  const others = running
    .filter((each) => !isOurs(each) && STANDARD_FAMILY.test(each.InstanceType ?? ''))
    .reduce((sum, each) => sum + vcpusOf(each), 0)
  const needed = most * vcpusOf(one)
  const beside = others > 0 ? `, and ${others} run besides` : ''
  return await compareWithQuota(
    aws,
    STANDARD_VCPUS,
    needed + others,
    `a rollout at ${count(settings.MaxSize ?? 0, 'instance')} of ${one.InstanceType} takes ${needed}${beside}`,
  )
}

async function checkTargets({ aws, fleet }: Environment): Promise<Finding[]> {
  const { MaxSize = 0 } = (await fleet()).group
  return await compareWithQuota(
    aws,
    TARGETS,
    DOUBLED * MaxSize,
    `a rollout at ${count(MaxSize, 'instance')} takes ${DOUBLED * MaxSize}`,
  )
}

async function compareWithQuota(
  aws: Account,
  quota: Quota,
  needed: number,
  why: string,
): Promise<Finding[]> {
  const value = await limitOf(aws, quota)
  if (value === undefined) return [unknown(`Service Quotas has no value for ${quota.name}`)]
  if (needed <= value) return [ok(`${value} ${quota.name}; ${why}`)]
  return [
    problem(
      `the quota is ${value} ${quota.name}, but ${why}`,
      `ask for more with 'aws service-quotas request-service-quota-increase --service-code ${quota.service} --quota-code ${quota.code} --desired-value ${needed}', or lower max_size`,
    ),
  ]
}

async function limitOf(aws: Account, { service, code }: Quota): Promise<number | undefined> {
  const input = { ServiceCode: service, QuotaCode: code }
  const applied = await aws.quotas
    .send(new GetServiceQuotaCommand(input))
    .catch(unless('NoSuchResourceException'))
  if (applied?.Quota?.Value !== undefined) return applied.Quota.Value
  // One that nobody has ever raised may exist only as a default.
  const byDefault = await aws.quotas
    .send(new GetAWSDefaultServiceQuotaCommand(input))
    .catch(unless('NoSuchResourceException'))
  return byDefault?.Quota?.Value
}

/** All on-demand instances of the account in this region. */
async function runningInstances(aws: Account): Promise<Instance[]> {
  const found: Instance[] = []
  const Filters = [{ Name: 'instance-state-name', Values: ['pending', 'running'] }]
  const pages = paginateDescribeInstances(
    { client: aws.ec2, pageSize: INSTANCES_A_PAGE },
    { Filters },
  )
  for await (const { Reservations = [] } of pages) {
    found.push(...Reservations.flatMap(({ Instances = [] }) => Instances))
  }
  return found.filter(({ InstanceLifecycle }) => InstanceLifecycle !== 'spot')
}

const vcpusOf = ({ CpuOptions }: Instance): number =>
  (CpuOptions?.CoreCount ?? 1) * (CpuOptions?.ThreadsPerCore ?? 1)
