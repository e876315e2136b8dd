import type { Subnet } from '@aws-sdk/client-ec2'
import { DescribeSubnetsCommand } from '@aws-sdk/client-ec2'
import {
  DescribeListenersCommand,
  DescribeTargetGroupsCommand,
  type Listener,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { FleetWatch } from '../fleet/fleet.ts'
import { type Survey, survey } from '../fleet/survey.ts'
import { findUrl } from '../fleet/url.ts'
import { type Outputs, recordedUrl, type Terraform } from '../release/terraform.ts'
import type { Account } from './account.ts'

/** This project's Terraform, and what it says about the environment. */
export interface Configuration {
  terraform: Terraform
  outputs: Outputs
}

export interface EnvironmentOptions {
  group: string
  /** The service's URL; undefined: found by itself. */
  url: string | undefined
  /** Undefined, or why there is none, if Terraform is left out or cannot be asked. */
  configuration: Configuration | string
  /** What .github/aws.env says; undefined: there is none. */
  settings: string | undefined
}

/** What is examined. What several checks need is asked for once. */
export class Environment {
  readonly group: string
  readonly configuration: Configuration | string
  readonly settings: string | undefined

  constructor(
    readonly aws: Account,
    private readonly options: EnvironmentOptions,
  ) {
    this.group = options.group
    this.configuration = options.configuration
    this.settings = options.settings
  }

  readonly survey = once(
    (): Promise<Survey> => survey(this.aws, new FleetWatch(this.aws, this.group)),
  )

  readonly fleet = async (): Promise<Survey['fleet']> => (await this.survey()).fleet

  /** Of the group's instances. */
  readonly subnets = once(async (): Promise<Subnet[]> => {
    const { group } = await this.fleet()
    const SubnetIds = (group.VPCZoneIdentifier ?? '').split(',').filter(Boolean)
    const answer = await this.aws.ec2.send(new DescribeSubnetsCommand({ SubnetIds }))
    return answer.Subnets ?? []
  })

  /** Of the load balancer in front of the group. */
  readonly listeners = once(async (): Promise<Listener[]> => {
    const TargetGroupArns = (await this.fleet()).group.TargetGroupARNs ?? []
    const { TargetGroups } = await this.aws.elb.send(
      new DescribeTargetGroupsCommand({ TargetGroupArns }),
    )
    const LoadBalancerArn = TargetGroups?.[0]?.LoadBalancerArns?.[0]
    const answer = await this.aws.elb.send(new DescribeListenersCommand({ LoadBalancerArn }))
    return answer.Listeners ?? []
  })

  /** Without a trailing slash. Throws with the reason if it is not found. */
  readonly url = once(async (): Promise<string> => {
    if (this.options.url) return this.options.url
    const { configuration } = this
    const recorded = typeof configuration === 'string' ? undefined : configuration.outputs.url
    return recorded ?? (await findUrl(this.aws, await this.fleet(), recordedUrl))
  })

  /** What the group's instances run at boot: it names all that they look up. */
  readonly userData = once(async (): Promise<string> => {
    const { fleet, templateVersions } = await this.survey()
    const saved = templateVersions.find(({ number }) => number === fleet.templateVersion)
    return saved?.userData ?? ''
  })
}

/** Calls `make` at the first call only. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
