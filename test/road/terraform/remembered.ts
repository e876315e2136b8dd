import type { Fields } from './query.ts'

/** What ministack forgets about a group, a policy or an alarm: here each is described just as it was put. */
export type QueryActions = Record<string, (input: Fields) => Fields>

const textsOf = (value: unknown) => (value ?? []) as string[]
const listOf = (value: unknown) => (value ?? []) as Fields[]

/** Groups whose instances are in service as soon as they are created. */
export function autoScaling(): QueryActions {
  const groups = new Map<string, Fields>()
  const policies = new Map<string, Fields>()
  const group = (input: Fields) => groups.get(input.AutoScalingGroupName as string) ?? {}
  const put = (input: Fields) => {
    groups.set(input.AutoScalingGroupName as string, { ...group(input), ...input })
    return {}
  }
  const describe = (each: Fields): Fields => ({
    DesiredCapacity: each.MinSize ?? '0',
    DefaultCooldown: '300',
    CreatedTime: '2026-01-01T00:00:00Z',
    ServiceLinkedRoleARN: 'arn:aws:iam::000000000000:role/autoscaling',
    ...each,
    AutoScalingGroupARN: `arn:aws:autoscaling:eu-west-1:000000000000:autoScalingGroup:0:autoScalingGroupName/${each.AutoScalingGroupName}`,
    TrafficSources: textsOf(each.TargetGroupARNs).map((Identifier) => ({
      Identifier,
      Type: 'elbv2',
    })),
    Instances: Array.from({ length: Number(each.MinSize ?? 0) }, (_, index) => ({
      InstanceId: `i-0000000${index}`,
      AvailabilityZone: 'eu-west-1a',
      LifecycleState: 'InService',
      HealthStatus: 'Healthy',
      ProtectedFromScaleIn: 'false',
    })),
  })
  return {
    CreateAutoScalingGroup: put,
    UpdateAutoScalingGroup: put,
    CreateOrUpdateTags: ({ Tags }) => {
      for (const tag of listOf(Tags)) {
        const owner = { AutoScalingGroupName: tag.ResourceId as string }
        const others = listOf(group(owner).Tags).filter(({ Key }) => Key !== tag.Key)
        put({ ...owner, Tags: [...others, tag] })
      }
      return {}
    },
    EnableMetricsCollection: (input) =>
      put({
        AutoScalingGroupName: input.AutoScalingGroupName as string,
        EnabledMetrics: textsOf(input.Metrics).map((Metric) => ({
          Metric,
          Granularity: input.Granularity as string,
        })),
      }),
    DescribeAutoScalingGroups: (input) => ({
      AutoScalingGroups: textsOf(input.AutoScalingGroupNames)
        .flatMap((name) => groups.get(name) ?? [])
        .map((each) => describe(each as Fields)),
    }),
    DeleteAutoScalingGroup: ({ AutoScalingGroupName }) => {
      groups.delete(AutoScalingGroupName as string)
      return {}
    },
    DescribeTrafficSources: () => ({ TrafficSources: [] }),
    PutScalingPolicy: (input) => {
      const PolicyARN = `arn:aws:autoscaling:eu-west-1:000000000000:scalingPolicy:0:policyName/${input.PolicyName}`
      policies.set(input.PolicyName as string, { Enabled: 'true', ...input, PolicyARN })
      return { PolicyARN }
    },
    DeletePolicy: ({ PolicyName }) => {
      policies.delete(PolicyName as string)
      return {}
    },
    DescribePolicies: (input) => ({
      ScalingPolicies: textsOf(input.PolicyNames).flatMap((name) => policies.get(name) ?? []),
    }),
  }
}

export function alarms(): QueryActions {
  const known = new Map<string, Fields>()
  return {
    PutMetricAlarm: (input) => {
      const AlarmArn = `arn:aws:cloudwatch:eu-west-1:000000000000:alarm:${input.AlarmName}`
      known.set(input.AlarmName as string, { ActionsEnabled: 'true', ...input, AlarmArn })
      return {}
    },
    DescribeAlarms: (input) => ({
      MetricAlarms: textsOf(input.AlarmNames).flatMap((name) => known.get(name) ?? []),
    }),
    DeleteAlarms: ({ AlarmNames }) => {
      for (const name of textsOf(AlarmNames)) known.delete(name)
      return {}
    },
    ListTagsForResource: ({ ResourceARN }) => ({
      Tags: [...known.values()].find(({ AlarmArn }) => AlarmArn === ResourceARN)?.Tags ?? [],
    }),
  }
}
