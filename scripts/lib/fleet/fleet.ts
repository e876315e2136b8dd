import {
  type AutoScalingGroup,
  DescribeAutoScalingGroupsCommand,
  DescribeInstanceRefreshesCommand,
  type InstanceRefresh,
} from '@aws-sdk/client-auto-scaling'
import { paginateDescribeInstances } from '@aws-sdk/client-ec2'
import { DescribeTargetHealthCommand } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Aws } from '../aws/clients.ts'
import { classifyError } from '../aws/errors.ts'
import { Stop } from '../cli/errors.ts'
import { service } from '../service.ts'
import { inForm, ReleaseId } from './forms.ts'
import { TAG, tagValue } from './tags.ts'

/** As many as EC2 allows. It throttles unpaginated calls sooner. */
export const INSTANCES_A_PAGE = 1000

/** One instance of the group, combining what Auto Scaling, EC2 and the load balancer know. */
export interface Member {
  id: string
  zone: string
  /** What it was launched from. */
  templateVersion: number | undefined
  release: string | undefined
  /** The AMI that it was launched from, as EC2 says. */
  ami: string | undefined
  privateIp: string | undefined
  launchedAt: Date | undefined
  lifecycle: string
  health: string
  /** Target health: its state, and AWS's reason code and description while it is not healthy. */
  target: string
  targetReason: string | undefined
  targetDescription: string | undefined
  /** The port the load balancer sends requests to. */
  port: number | undefined
}

export interface Fleet {
  at: Date
  group: AutoScalingGroup
  name: string
  desired: number
  /** Saved on the group: what new instances get and what a rollback returns to. */
  templateVersion: number | undefined
  members: Member[]
  /** The newest refresh, or the one requested, running or not. */
  refresh: InstanceRefresh | undefined
}

type TargetFacts = Pick<Member, 'target' | 'targetReason' | 'targetDescription' | 'port'>
type Facts = Pick<Member, 'release' | 'ami' | 'privateIp' | 'launchedAt'>

/** Takes snapshots of a group. What never changes about an instance is fetched once. */
export class FleetWatch {
  /** Continue without what the caller may not read: target health, facts of instances, launch template versions. */
  toleratesDenied = false
  private readonly facts = new Map<string, Facts>()

  constructor(
    private readonly aws: Aws,
    readonly name: string,
  ) {}

  /**
   * Throws `Stop` when there is no such group. With a `refreshId`, the fleet's refresh is that one, and undefined until
   * AWS reports it; otherwise it is the newest.
   */
  async snapshot(refreshId?: string): Promise<Fleet> {
    const { AutoScalingGroups } = await this.aws.autoScaling.send(
      new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [this.name] }),
    )
    const group = AutoScalingGroups?.[0]
    if (!group) throw unknownGroup(this.name)
    const ids = (group.Instances ?? []).map(({ InstanceId }) => InstanceId as string)
    const [refreshes, targets] = await Promise.all([
      this.aws.autoScaling.send(
        new DescribeInstanceRefreshesCommand({
          AutoScalingGroupName: this.name,
          ...(refreshId ? { InstanceRefreshIds: [refreshId] } : { MaxRecords: 1 }),
        }),
      ),
      this.targets(group),
      this.fetchFacts(ids).catch((error) => {
        if (!this.tolerates(error)) throw error
      }),
    ])
    return {
      at: new Date(),
      group,
      name: this.name,
      desired: group.DesiredCapacity ?? 0,
      templateVersion: toTemplateVersion(group.LaunchTemplate?.Version),
      members: (group.Instances ?? []).map((instance) => ({
        id: instance.InstanceId as string,
        zone: instance.AvailabilityZone ?? '',
        templateVersion: toTemplateVersion(instance.LaunchTemplate?.Version),
        lifecycle: instance.LifecycleState ?? 'Unknown',
        health: instance.HealthStatus ?? 'Unknown',
        ...(this.facts.get(instance.InstanceId as string) ?? NOTHING_KNOWN),
        ...(targets.get(instance.InstanceId as string) ?? NOT_A_TARGET),
      })),
      refresh: refreshes.InstanceRefreshes?.[0],
    }
  }

  private async targets(group: AutoScalingGroup): Promise<Map<string, TargetFacts>> {
    const arn = group.TargetGroupARNs?.[0]
    if (!arn) return new Map()
    const answer = await this.aws.elb
      .send(new DescribeTargetHealthCommand({ TargetGroupArn: arn }))
      .catch((error) => {
        if (!this.tolerates(error)) throw error
      })
    return new Map(
      (answer?.TargetHealthDescriptions ?? []).map(({ Target, TargetHealth }) => [
        Target?.Id ?? '',
        {
          target: TargetHealth?.State ?? 'unknown',
          targetReason: TargetHealth?.Reason,
          targetDescription: TargetHealth?.Description,
          port: Target?.Port,
        },
      ]),
    )
  }

  /** Whether to go on without what `error` is about. */
  tolerates(error: unknown): boolean {
    return this.toleratesDenied && classifyError(error) === 'denied'
  }

  private async fetchFacts(ids: string[]): Promise<void> {
    if (ids.every((id) => this.facts.get(id)?.privateIp)) return
    // A filter, unlike InstanceIds, does not fail the whole call for an instance that EC2 does not know yet.
    const Filters = [{ Name: 'tag:aws:autoscaling:groupName', Values: [this.name] }]
    const pages = paginateDescribeInstances(
      { client: this.aws.ec2, pageSize: INSTANCES_A_PAGE },
      { Filters },
    )
    for await (const { Reservations = [] } of pages) {
      for (const instance of Reservations.flatMap(({ Instances = [] }) => Instances)) {
        this.facts.set(instance.InstanceId as string, {
          release: inForm(ReleaseId, tagValue(instance.Tags, TAG.release)),
          ami: instance.ImageId,
          privateIp: instance.PrivateIpAddress,
          launchedAt: instance.LaunchTime,
        })
      }
    }
  }
}

const NOTHING_KNOWN: Facts = {
  release: undefined,
  ami: undefined,
  privateIp: undefined,
  launchedAt: undefined,
}

const NOT_A_TARGET = {
  target: 'unused',
  targetReason: undefined,
  targetDescription: undefined,
  port: undefined,
}

/** The processes of the group that somebody, or AWS, has suspended. */
export const suspendedProcesses = ({ group }: Fleet): string[] =>
  (group.SuspendedProcesses ?? []).map(({ ProcessName }) => ProcessName ?? '')

/** How long AWS waits after a new instance serves, before it goes on; in seconds. */
export const warmupSecondsOf = ({ group }: Fleet): number => group.DefaultInstanceWarmup ?? 0

export const inService = (fleet: Fleet): Member[] =>
  fleet.members.filter(({ lifecycle }) => lifecycle === 'InService')

/** Members that serve or are starting to: neither on standby nor being removed. */
export const present = (fleet: Fleet): Member[] =>
  fleet.members.filter(
    ({ lifecycle }) => !/^(Standby|EnteringStandby|Terminat|Detach)/.test(lifecycle),
  )

export const isHealthy = (member: Member): boolean =>
  member.health === 'Healthy' && member.target === 'healthy'

/** The number of instances in service, by release, or by the AMI that they were launched from. */
export function countBy(what: 'release' | 'ami', fleet: Fleet): Record<string, number> {
  const counted: Record<string, number> = {}
  for (const { [what]: name = 'unknown' } of inService(fleet)) {
    counted[name] = (counted[name] ?? 0) + 1
  }
  return counted
}

/** The release that a move to `templateVersion` replaces: of the instances in service, the saved version's first. */
export function releaseReplacedBy(
  fleet: Fleet,
  templateVersion: number | undefined,
): string | undefined {
  const serving = inService(fleet)
  const others = serving.filter((member) => member.templateVersion !== templateVersion)
  const saved = others.find((member) => member.templateVersion === fleet.templateVersion)
  return (saved ?? others[0] ?? serving[0])?.release
}

function unknownGroup(name: string): Stop {
  return new Stop(
    `there is no Auto Scaling group '${name}' in this account and region. Check --group and --region; groups are named ${service.name}-<environment>.`,
  )
}

/** The number of a launch template version; undefined for $Latest and $Default. */
export function toTemplateVersion(text: string | undefined): number | undefined {
  return text && /^\d+$/.test(text) ? Number(text) : undefined
}
