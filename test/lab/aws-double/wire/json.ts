import { accountOf } from '../account.ts'
import type { ControlPlane } from '../control-plane.ts'
import { ApiError } from '../errors.ts'
import type { Metric } from '../model.ts'
import { pageOf } from './query.ts'

type Json = Record<string, unknown>
type Action = (plane: ControlPlane, input: Json) => Json | Promise<Json>

/** CloudWatch (JSON 1.0). Timestamps are epoch seconds. */
export const cloudwatch: Record<string, Action> = {
  DescribeAlarms: (plane, input) => {
    const names = input.AlarmNames as string[] | undefined
    const prefix = input.AlarmNamePrefix as string | undefined
    const state = input.StateValue as string | undefined
    const parent = input.ChildrenOfAlarmName as string | undefined
    if (parent !== undefined && (names || prefix || state || input.AlarmTypes)) {
      throw new ApiError('ValidationError', 'ChildrenOfAlarmName excludes other parameters.')
    }
    const chosen = [...plane.alarms.values()].filter(
      (alarm) =>
        (!parent || plane.alarms.get(parent)?.children?.includes(alarm.name)) &&
        (!names || names.includes(alarm.name)) &&
        (!prefix || alarm.name.startsWith(prefix)) &&
        (!state || alarm.state === state),
    )
    const types = (input.AlarmTypes as string[] | undefined) ?? [
      'MetricAlarm',
      ...(parent ? ['CompositeAlarm'] : []),
    ]
    const told = (composite: boolean) =>
      chosen
        .filter((alarm) => (alarm.composite ?? false) === composite)
        .map((alarm) => ({
          AlarmName: alarm.name,
          StateValue: alarm.state,
          StateReason: alarm.reason,
          StateUpdatedTimestamp: plane.clock.now() / 1000,
          // Children are told without details.
          ...(parent
            ? {}
            : { ActionsEnabled: !alarm.actionsDisabled, AlarmActions: alarm.actions ?? [] }),
          ...(composite || parent
            ? {}
            : {
                Period: alarm.period ?? 60,
                EvaluationPeriods: alarm.evaluationPeriods ?? 1,
                ...(alarm.datapointsToAlarm ? { DatapointsToAlarm: alarm.datapointsToAlarm } : {}),
                ...(alarm.metric ? metricOf(alarm.metric) : {}),
              }),
        }))
    return {
      MetricAlarms: types.includes('MetricAlarm') ? told(false) : [],
      CompositeAlarms: types.includes('CompositeAlarm') ? told(true) : [],
    }
  },
}

/** A metric as CloudWatch names it. */
export const metricOf = ({ namespace, name, dimensions }: Metric): Json => ({
  Namespace: namespace,
  MetricName: name,
  Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
})

/** One command on one instance, as SSM keeps it. */
interface Invocation {
  CommandId: string
  InstanceId: string
  DocumentName: string
  Comment: string
  /** Seconds in which the agent has to take it. */
  Timeout: number
  Status: string
  StatusDetails: string
  ResponseCode: number
  StandardOutputContent: string
  StandardErrorContent: string
}

/** Every command ever sent, by plane: what an audit would find in SSM's command history. */
const history = new WeakMap<ControlPlane, Invocation[]>()

export const commands = (plane: ControlPlane): Invocation[] => {
  const known = history.get(plane) ?? []
  history.set(plane, known)
  return known
}

const MOST_INSTANCE_IDS = 50
const MOST_INVOCATIONS = 50

const EXCEEDS_MAXIMUM =
  'ExitStandby failed: the instances would increase the group beyond its maximum size.'

/** Systems Manager (JSON 1.1): commands over documents. Sessions are not modelled. */
export const ssm: Record<string, Action> = {
  SendCommand: (plane, input) => {
    const name = String(input.DocumentName)
    if (!name.startsWith(`${plane.group.name}-`)) {
      throw new ApiError('InvalidDocument', `Document with name ${name} does not exist.`)
    }
    const CommandId = crypto.randomUUID()
    const named = input.InstanceIds as string[] | undefined
    if (named && named.length > MOST_INSTANCE_IDS) {
      throw new ApiError(
        'ValidationException',
        `Value '${named}' at 'instanceIds' failed to satisfy constraint: Member must have length less than or equal to ${MOST_INSTANCE_IDS}`,
      )
    }
    const ids = named ?? targeted(plane, input)
    for (const id of ids) {
      const instance = plane.machines.instances.get(id)
      if (!instance || instance.lifecycle === 'Terminated' || instance.privateIp === undefined) {
        throw new ApiError(
          'InvalidInstanceId',
          `Instances [[${id}]] not in a valid state for account`,
        )
      }
    }
    for (const id of ids) send(plane, id, CommandId, input)
    return {
      Command: {
        CommandId,
        DocumentName: name,
        Comment: input.Comment ?? '',
        Status: 'Pending',
        InstanceIds: ids,
        TargetCount: ids.length,
      },
    }
  },

  GetCommandInvocation: (plane, input) => {
    const found = commands(plane).find(
      ({ CommandId, InstanceId }) =>
        CommandId === input.CommandId && InstanceId === input.InstanceId,
    )
    if (!found) throw new ApiError('InvocationDoesNotExist', '')
    return { ...found }
  },

  CancelCommand: (plane, input) => {
    for (const invocation of commands(plane)) {
      const isNamed = (input.InstanceIds as string[]).includes(invocation.InstanceId)
      if (invocation.CommandId !== input.CommandId || !isNamed) continue
      if (invocation.Status === 'InProgress' || invocation.Status === 'Pending') {
        invocation.Status = 'Cancelled'
      }
    }
    return {}
  },

  // Without output: that is in GetCommandInvocation.
  ListCommandInvocations: (plane, input) => {
    const of = commands(plane).filter(({ CommandId }) => CommandId === input.CommandId)
    const asked = (input.MaxResults as number | undefined) ?? MOST_INVOCATIONS
    const { entries, next } = pageOf(of, asked, plane.pageSize, input.NextToken as string)
    return {
      CommandInvocations: entries.map(({ CommandId, InstanceId, Status, StatusDetails }) => ({
        CommandId,
        InstanceId,
        Status,
        StatusDetails,
      })),
      ...(next === undefined ? {} : { NextToken: next }),
    }
  },

  // The automation documents of Terraform: what each calls, and waits for.
  StartAutomationExecution: (plane, input) => {
    const name = String(input.DocumentName)
    const verb = name.slice(plane.group.name.length + 1)
    if (verb === 'rollback') return { AutomationExecutionId: runbook(plane, input) }
    const { InstanceId: [id = ''] = [] } = input.Parameters as Record<string, string[]>
    if (verb === 'replace' || verb === 'discard') {
      return { AutomationExecutionId: ending(plane, verb, id) }
    }
    if (verb !== 'drain' && verb !== 'undrain') {
      throw new ApiError(
        'AutomationDefinitionNotFoundException',
        `Automation definition ${name} does not exist.`,
      )
    }
    const { group } = plane
    if (verb === 'undrain' && group.desired >= group.maxSize) {
      return { AutomationExecutionId: plane.machines.refuse(EXCEEDS_MAXIMUM).id }
    }
    const activity = plane.machines.standby(plane.instance(id), verb === 'drain')
    if (verb === 'undrain')
      plane.group.desired = Math.min(plane.group.maxSize, plane.group.desired + 1)
    return { AutomationExecutionId: activity.id }
  },

  GetAutomationExecution: (plane, input) => {
    const id = input.AutomationExecutionId
    const done = runbooks.get(plane)?.get(String(id))
    if (done) return { AutomationExecution: done }
    const activity = plane.machines.activities.find((each) => each.id === id)
    if (!activity) throw new ApiError('AutomationExecutionNotFoundException', `no execution ${id}`)
    const status = { InProgress: 'InProgress', Successful: 'Success', Failed: 'Failed' }
    return {
      AutomationExecution: {
        AutomationExecutionId: id,
        AutomationExecutionStatus: status[activity.status],
        FailureMessage: activity.message,
      },
    }
  },
}

/** Ended executions that are no activity of the group, by plane and id. */
const runbooks = new WeakMap<ControlPlane, Map<string, Json>>()

/** Starts the refresh that terraform/documents/rollback.yaml does. Returns the id of the execution. */
function runbook(plane: ControlPlane, input: Json): string {
  const { LaunchTemplateVersion = [] } = input.Parameters as Record<string, string[]>
  try {
    const refresh = plane.startRefresh(Number(LaunchTemplateVersion[0]), {
      minHealthyPercentage: 100,
      maxHealthyPercentage: 200,
      instanceWarmup: plane.group.warmupSeconds,
      checkpointPercentages: [],
      checkpointDelay: 0,
      bakeTime: 0,
      skipMatching: true,
      autoRollback: false,
      alarms: [],
    })
    return execution(plane, { Outputs: { 'start.RefreshId': [refresh.id] } })
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return execution(plane, {
      FailureMessage: `Step fails when it is Execute/Cancelling action. ${error.code}: ${error.message}`,
    })
  }
}

/** What terraform/documents/{replace,discard}.yaml do. Returns the id of the execution. */
function ending(plane: ControlPlane, verb: 'replace' | 'discard', id: string): string {
  const instance = plane.instance(id)
  if (verb === 'replace') instance.health = 'Unhealthy'
  else if (instance.lifecycle === 'Standby') {
    plane.machines.terminate(instance, 'Instance was taken out of service by a user request.')
  } else return execution(plane, { FailureMessage: `LifecycleState is ${instance.lifecycle}` })
  return execution(plane, {})
}

/** Keeps an execution that has ended, and failed if it says why. Returns its id. */
function execution(plane: ControlPlane, result: Json): string {
  const id = crypto.randomUUID()
  const ended = runbooks.get(plane) ?? new Map<string, Json>()
  runbooks.set(plane, ended)
  const AutomationExecutionStatus = result.FailureMessage ? 'Failed' : 'Success'
  ended.set(id, { AutomationExecutionId: id, AutomationExecutionStatus, ...result })
  return id
}

function send(plane: ControlPlane, id: string, CommandId: string, input: Json): void {
  const name = String(input.DocumentName)
  const invocation: Invocation = {
    CommandId,
    InstanceId: id,
    DocumentName: name,
    Comment: String(input.Comment ?? ''),
    Timeout: Number(input.TimeoutSeconds ?? 3600),
    Status: 'InProgress',
    StatusDetails: 'InProgress',
    ResponseCode: -1,
    StandardOutputContent: '',
    StandardErrorContent: '',
  }
  commands(plane).push(invocation)
  // Its agent takes the command once it is back, if that is in time.
  if (accountOf(plane).offline.has(id)) {
    invocation.Status = 'Pending'
    return
  }
  const parameters = (input.Parameters ?? {}) as Record<string, string[]>
  plane.driver
    .run(id, name.slice(plane.group.name.length + 1), parameters)
    .then(({ exitCode, stdout, stderr }) => {
      if (invocation.Status === 'Cancelled') return
      invocation.Status = exitCode === 0 ? 'Success' : 'Failed'
      invocation.StatusDetails = invocation.Status
      invocation.ResponseCode = exitCode
      // SSM keeps this much of each stream.
      invocation.StandardOutputContent = stdout.slice(0, 24_000)
      invocation.StandardErrorContent = stderr.slice(0, 8_000)
    })
    .catch((error) => {
      invocation.Status = 'Failed'
      invocation.StatusDetails = 'Undeliverable'
      invocation.StandardErrorContent = String(error)
    })
}

function targeted(plane: ControlPlane, input: Json): string[] {
  const targets = (input.Targets ?? []) as { Key: string; Values: string[] }[]
  return plane.instances
    .filter(({ lifecycle, privateIp }) => lifecycle !== 'Terminated' && privateIp !== undefined)
    .filter(({ id, tags }) =>
      targets.every(({ Key, Values }) =>
        Key === 'InstanceIds'
          ? Values.includes(id)
          : Values.includes(tags[Key.replace(/^tag:/, '')] ?? ''),
      ),
    )
    .map(({ id }) => id)
}
