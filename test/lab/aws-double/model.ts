import type { TargetHealth } from './driver.ts'

export interface TemplateVersion {
  imageId: string
  userData: string
  tags: Record<string, string>
  description: string
  createdAt: number
}

export interface LaunchTemplate {
  id: string
  name: string
  /** Its own, not those of what is launched from it. */
  tags: Record<string, string>
  /** Version N is at index N - 1. */
  versions: TemplateVersion[]
}

export interface Image {
  id: string
  name: string
  architecture: string
  createdAt: number
  tags: Record<string, string>
  /** Available, unless something else is said. */
  state?: 'pending' | 'failed' | 'disabled'
  /** Ids of the account's snapshots that it is made of. */
  snapshots?: string[]
}

export type Lifecycle = 'Pending' | 'InService' | 'Standby' | 'Terminating' | 'Terminated'

export interface Instance {
  id: string
  zone: string
  imageId: string
  version: number
  tags: Record<string, string>
  privateIp?: string
  lifecycle: Lifecycle
  launchedAt: number
  /** When the driver reported that the machine runs. */
  runningAt?: number
  inServiceAt?: number
  /** Set once the target was seen healthy after it came into service. */
  healthyAt?: number
  drainingAt?: number
  /** When its last connection closed or the deregistration delay ended. */
  drainedAt?: number
  terminatedAt?: number
  health: 'Healthy' | 'Unhealthy'
  target: TargetHealth
}

export type RefreshStatus =
  | 'Pending'
  | 'InProgress'
  | 'Baking'
  | 'Successful'
  | 'Failed'
  | 'Cancelling'
  | 'Cancelled'
  | 'RollbackInProgress'
  | 'RollbackSuccessful'
  | 'RollbackFailed'

export interface RefreshPreferences {
  minHealthyPercentage: number
  maxHealthyPercentage: number
  instanceWarmup: number
  checkpointPercentages: number[]
  checkpointDelay: number
  bakeTime: number
  skipMatching: boolean
  autoRollback: boolean
  alarms: string[]
}

export interface Refresh {
  id: string
  status: RefreshStatus
  reason: string
  startedAt: number
  endedAt?: number
  /** Version requested by DesiredConfiguration; undefined means the group's own. */
  desiredVersion?: number
  preferences: RefreshPreferences
  percentageComplete: number
  instancesToUpdate: number
  /** Index of the checkpoint that the refresh is working towards. */
  checkpoint: number
  checkpointReachedAt?: number
  cancelledAt?: number
  bakingSince?: number
  /** When the last instance was counted as replaced, for the stall limit. */
  progressAt: number
  replaced: number
  rollback?: { reason: string; startedAt: number; percentageOnRollback: number; toUpdate: number }
}

export interface Activity {
  id: string
  description: string
  cause: string
  startedAt: number
  endedAt?: number
  status: 'InProgress' | 'Successful' | 'Failed'
  message?: string
}

export interface Group {
  name: string
  templateId: string
  /** The version saved on the group: what a rollback goes back to, and what a successful refresh replaces. */
  version: number
  minSize: number
  maxSize: number
  desired: number
  zones: string[]
  targetGroupArn: string
  /** Without a port, as in AWS; the listener has that. */
  loadBalancerDns: string
  listenerPort: number
  /** Whether the load balancer also serves HTTPS. */
  https?: boolean
  graceSeconds: number
  warmupSeconds: number
  deregistrationSeconds: number
  minHealthyPercentage: number
  maxHealthyPercentage: number
  tags: Record<string, string>
  /** Processes that somebody suspended: HealthCheck, Launch, Terminate and InstanceRefresh have an effect here. */
  suspended: Set<string>
}

export interface Alarm {
  name: string
  state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA'
  reason: string
  /** Seconds of a period, and how many of them are looked at. */
  period?: number
  evaluationPeriods?: number
  /** How many of those must be bad; all by default. */
  datapointsToAlarm?: number
  /** Made of other alarms, so that it has no periods of its own. */
  composite?: boolean
  /** The names of those. */
  children?: string[]
  metric?: Metric
  /** ARNs of what it tells. */
  actions?: string[]
  actionsDisabled?: boolean
}

export interface Metric {
  namespace: string
  name: string
  dimensions: Record<string, string>
}

const RUNNING: RefreshStatus[] = [
  'Pending',
  'InProgress',
  'Baking',
  'Cancelling',
  'RollbackInProgress',
]

export const isRunning = (refresh: Refresh): boolean => RUNNING.includes(refresh.status)

/** Pending or in service: what counts against the group's size. */
export const isActive = (instance: Instance): boolean =>
  instance.lifecycle === 'Pending' || instance.lifecycle === 'InService'

/** In service, and seen healthy by the load balancer right now. */
export const isServing = (instance: Instance): boolean =>
  instance.lifecycle === 'InService' &&
  instance.health === 'Healthy' &&
  instance.target.state === 'healthy'
