import { accountOf } from '../account.ts'
import type { ControlPlane } from '../control-plane.ts'
import { invalid } from '../errors.ts'
import type { Activity, Instance, Refresh } from '../model.ts'
import { groupArn } from '../names.ts'
import { pageOf, type Query, tagList, time, type Xml } from './query.ts'

type Action = (plane: ControlPlane, query: Query) => Xml

/** The actions of Auto Scaling (2011-01-01) that the scripts use. */
export const autoScaling: Record<string, Action> = {
  DescribeAutoScalingGroups: (plane, query) => {
    const names = query.list('AutoScalingGroupNames')
    const wanted = names.length === 0 || names.includes(plane.group.name)
    return { AutoScalingGroups: wanted ? [groupOf(plane)] : [] }
  },

  DescribeInstanceRefreshes: (plane, query) => {
    known(plane, query)
    const ids = query.list('InstanceRefreshIds')
    const told = plane.refreshes.filter(
      ({ startedAt }) => plane.clock.now() - startedAt >= plane.refreshLagMs,
    )
    const chosen = told.filter(({ id }) => ids.length === 0 || ids.includes(id))
    const { entries, next } = page(plane, query, chosen, 50)
    return { InstanceRefreshes: entries.map((each) => refreshOf(plane, each)), NextToken: next }
  },

  StartInstanceRefresh: (plane, query) => {
    known(plane, query)
    const version = query.text('DesiredConfiguration.LaunchTemplate.Version')
    if (version !== undefined && !/^\d+$/.test(version) && query.flag('Preferences.AutoRollback')) {
      throw invalid(`AutoRollback is not supported with launch template version ${version}.`)
    }
    const desired = version === undefined ? undefined : Number(version)
    return { InstanceRefreshId: plane.startRefresh(desired, preferences(plane, query)).id }
  },

  CancelInstanceRefresh: (plane, query) => {
    known(plane, query)
    return { InstanceRefreshId: plane.cancelRefresh().id }
  },

  RollbackInstanceRefresh: (plane, query) => {
    known(plane, query)
    return { InstanceRefreshId: plane.rollBackRefresh().id }
  },

  DescribeScalingActivities: (plane, query) => {
    known(plane, query)
    const { entries, next } = page(plane, query, plane.machines.activities, 100)
    return { Activities: entries.map((each) => activityOf(plane, each)), NextToken: next }
  },

  CreateOrUpdateTags: (plane, query) => {
    for (const prefix of query.items('Tags')) {
      const key = query.text(`${prefix}.Key`) ?? ''
      plane.group.tags[key] = query.text(`${prefix}.Value`) ?? ''
    }
    return {}
  },

  DeleteTags: (plane, query) => {
    for (const prefix of query.items('Tags'))
      delete plane.group.tags[query.text(`${prefix}.Key`) ?? '']
    return {}
  },

  SuspendProcesses: (plane, query) => {
    known(plane, query)
    for (const name of query.list('ScalingProcesses')) plane.group.suspended.add(name)
    return {}
  },

  ResumeProcesses: (plane, query) => {
    known(plane, query)
    for (const name of query.list('ScalingProcesses')) plane.group.suspended.delete(name)
    return {}
  },
}

function known(plane: ControlPlane, query: Query): void {
  const name = query.text('AutoScalingGroupName')
  if (name !== plane.group.name) throw invalid(`AutoScalingGroup name not found - ${name}`)
}

const page = <T>(plane: ControlPlane, query: Query, all: T[], byDefault: number) =>
  pageOf(all, query.number('MaxRecords') ?? byDefault, plane.pageSize, query.text('NextToken'))

function preferences(plane: ControlPlane, query: Query): Refresh['preferences'] {
  const { group } = plane
  const at = (name: string): number | undefined => query.number(`Preferences.${name}`)
  return {
    minHealthyPercentage: at('MinHealthyPercentage') ?? group.minHealthyPercentage,
    maxHealthyPercentage: at('MaxHealthyPercentage') ?? group.maxHealthyPercentage,
    instanceWarmup: at('InstanceWarmup') ?? group.warmupSeconds,
    checkpointPercentages: query.list('Preferences.CheckpointPercentages').map(Number),
    checkpointDelay: at('CheckpointDelay') ?? 3600,
    bakeTime: at('BakeTime') ?? 0,
    skipMatching: query.flag('Preferences.SkipMatching'),
    autoRollback: query.flag('Preferences.AutoRollback'),
    alarms: query.list('Preferences.AlarmSpecification.Alarms'),
  }
}

function templateOf(plane: ControlPlane, version: number): Xml {
  const { id, name } = plane.template
  return { LaunchTemplateId: id, LaunchTemplateName: name, Version: String(version) }
}

function groupOf(plane: ControlPlane): Xml {
  const { group } = plane
  return {
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: groupArn(group.name),
    LaunchTemplate: templateOf(plane, group.version),
    MinSize: group.minSize,
    MaxSize: group.maxSize,
    DesiredCapacity: group.desired,
    DefaultCooldown: 300,
    DefaultInstanceWarmup: group.warmupSeconds,
    AvailabilityZones: group.zones,
    VPCZoneIdentifier: accountOf(plane)
      .subnets.map(({ id }) => id)
      .join(','),
    TargetGroupARNs: [group.targetGroupArn],
    HealthCheckType: 'ELB',
    HealthCheckGracePeriod: group.graceSeconds,
    CreatedTime: new Date(0),
    Instances: plane.instances
      .filter(({ lifecycle }) => lifecycle !== 'Terminated')
      .map((instance) => instanceOf(plane, instance)),
    InstanceMaintenancePolicy: {
      MinHealthyPercentage: group.minHealthyPercentage,
      MaxHealthyPercentage: group.maxHealthyPercentage,
    },
    SuspendedProcesses: [...group.suspended].map((ProcessName) => ({
      ProcessName,
      SuspensionReason: 'User suspended',
    })),
    Tags: tagList(group.tags).map((tag) => ({
      ...(tag as Record<string, Xml>),
      ResourceId: group.name,
      ResourceType: 'auto-scaling-group',
      PropagateAtLaunch: true,
    })),
  }
}

function instanceOf(plane: ControlPlane, instance: Instance): Xml {
  return {
    InstanceId: instance.id,
    InstanceType: 't4g.small',
    AvailabilityZone: instance.zone,
    LifecycleState: instance.lifecycle,
    HealthStatus: instance.health,
    LaunchTemplate: templateOf(plane, instance.version),
    ProtectedFromScaleIn: false,
  }
}

function refreshOf(plane: ControlPlane, refresh: Refresh): Xml {
  const { preferences: wanted, rollback } = refresh
  return {
    InstanceRefreshId: refresh.id,
    AutoScalingGroupName: plane.group.name,
    Status: refresh.status,
    StatusReason: refresh.reason || undefined,
    // One that is pending has not begun.
    StartTime: refresh.status === 'Pending' ? undefined : time(refresh.startedAt),
    EndTime: time(refresh.endedAt),
    PercentageComplete: refresh.percentageComplete,
    InstancesToUpdate: refresh.instancesToUpdate,
    Preferences: {
      MinHealthyPercentage: wanted.minHealthyPercentage,
      MaxHealthyPercentage: wanted.maxHealthyPercentage,
      InstanceWarmup: wanted.instanceWarmup,
      CheckpointPercentages: wanted.checkpointPercentages,
      CheckpointDelay: wanted.checkpointDelay,
      BakeTime: wanted.bakeTime,
      SkipMatching: wanted.skipMatching,
      AutoRollback: wanted.autoRollback,
      AlarmSpecification: { Alarms: wanted.alarms },
    },
    DesiredConfiguration:
      refresh.desiredVersion === undefined
        ? undefined
        : { LaunchTemplate: templateOf(plane, refresh.desiredVersion) },
    RollbackDetails: rollback && {
      RollbackReason: rollback.reason,
      RollbackStartTime: time(rollback.startedAt),
      PercentageCompleteOnRollback: rollback.percentageOnRollback,
      InstancesToUpdateOnRollback: rollback.toUpdate,
    },
  }
}

function activityOf(plane: ControlPlane, activity: Activity): Xml {
  return {
    ActivityId: activity.id,
    AutoScalingGroupName: plane.group.name,
    Description: activity.description,
    Cause: activity.cause || 'The group reached its desired capacity.',
    StartTime: time(activity.startedAt),
    EndTime: time(activity.endedAt),
    StatusCode: activity.status,
    StatusMessage: activity.message,
    Progress: activity.status === 'InProgress' ? 50 : 100,
    Details: '{}',
  }
}
