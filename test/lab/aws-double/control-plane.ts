import { decide } from './capacity.ts'
import type { Clock } from './clock.ts'
import type { InstanceDriver } from './driver.ts'
import { ApiError, invalid } from './errors.ts'
import { advance, startRollback, type World } from './instance-refresh.ts'
import { hex, Machines } from './machines.ts'
import {
  type Alarm,
  type Group,
  type Image,
  type Instance,
  isRunning,
  type LaunchTemplate,
  type Refresh,
  type RefreshPreferences,
  type TemplateVersion,
} from './model.ts'

export interface PlaneOptions {
  group: Group
  template: LaunchTemplate
  images: Image[]
  alarms?: Alarm[]
  clock: Clock
  driver: InstanceDriver
  /** Pause between two polls, in real milliseconds. */
  tickMs?: number
  /** How long a refresh may make no progress before it fails, in seconds; AWS allows an hour. */
  stallSeconds?: number
}

/** One Auto Scaling group with its launch template, instances, refreshes and alarms, and the loop that runs it. */
export class ControlPlane {
  readonly group: Group
  readonly template: LaunchTemplate
  readonly images: Map<string, Image>
  readonly alarms: Map<string, Alarm>
  readonly clock: Clock
  readonly driver: InstanceDriver
  readonly machines: Machines
  /** Newest first. */
  readonly refreshes: Refresh[] = []
  /** How long DescribeInstanceRefreshes does not list a new refresh yet, in milliseconds. */
  refreshLagMs = 0
  /** The most that a page of a list holds, whatever was asked for. */
  pageSize = Number.POSITIVE_INFINITY
  /** How long a refresh is Cancelling before it is Cancelled, in milliseconds. */
  cancelMs = 0
  private readonly tickMs: number
  private readonly stallSeconds: number
  private loop: Promise<void> | undefined
  private stopping = false

  constructor(options: PlaneOptions) {
    this.group = options.group
    this.template = options.template
    this.images = new Map(options.images.map((image) => [image.id, image]))
    this.alarms = new Map((options.alarms ?? []).map((alarm) => [alarm.name, alarm]))
    this.clock = options.clock
    this.driver = options.driver
    this.tickMs = options.tickMs ?? 250
    this.stallSeconds = options.stallSeconds ?? 3600
    this.machines = new Machines(this.group, this.template, this.images, this.clock, this.driver)
  }

  get instances(): Instance[] {
    return [...this.machines.instances.values()]
  }

  get running(): Refresh | undefined {
    return this.refreshes.find(isRunning)
  }

  /** Starts the loop; the group launches its desired number of instances. */
  start(): void {
    this.loop ??= this.run()
  }

  /** Stops the loop and waits for pending driver calls; leaves the machines as they are. */
  async stop(): Promise<void> {
    this.stopping = true
    await this.loop
    await this.machines.settle()
  }

  /** Observes once and acts on it. Called by the loop, or instead by a test with its own clock. */
  async tick(): Promise<void> {
    await this.machines.observe()
    const { suspended } = this.group
    const refresh = this.running
    const isHeld = HOLDS_A_REFRESH.some((process) => suspended.has(process))
    if (refresh && (!isHeld || refresh.status === 'Cancelling')) advance(refresh, this.world())
    const moves = decide(this.group, this.instances, this.running, this.clock, isHeld)
    if (suspended.has('Launch')) moves.launch = 0
    if (suspended.has('Terminate')) moves.terminate = []
    for (const instance of moves.terminate) {
      const why =
        instance.health === 'Unhealthy' ? 'an ELB health check failed' : 'it is being replaced'
      this.machines.terminate(instance, `Instance was taken out of service because ${why}.`)
    }
    for (let count = 0; count < moves.launch; count++) this.machines.launch(moves.version)
  }

  /** Adds a launch template version, as `terraform apply` does. Returns its number. */
  addVersion(version: Omit<TemplateVersion, 'createdAt'>): number {
    this.template.versions.push({ ...version, createdAt: this.clock.now() })
    return this.template.versions.length
  }

  setAlarm(name: string, state: Alarm['state'], reason = 'Threshold crossed'): void {
    this.alarms.set(name, { ...this.alarms.get(name), name, state, reason })
  }

  startRefresh(desired: number | undefined, preferences: RefreshPreferences): Refresh {
    if (this.running) {
      throw new ApiError(
        'InstanceRefreshInProgress',
        `An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.`,
      )
    }
    this.check(desired, preferences)
    const now = this.clock.now()
    const refresh: Refresh = {
      id: crypto.randomUUID(),
      status: 'Pending',
      reason: '',
      startedAt: now,
      ...(desired === undefined ? {} : { desiredVersion: desired }),
      preferences,
      percentageComplete: 0,
      instancesToUpdate: this.group.desired,
      checkpoint: 0,
      progressAt: now,
      replaced: 0,
    }
    this.refreshes.unshift(refresh)
    return refresh
  }

  cancelRefresh(): Refresh {
    const refresh = this.running
    if (!refresh || refresh.status === 'Cancelling') throw noneActive('cancel')
    refresh.status = 'Cancelling'
    refresh.cancelledAt = this.clock.now()
    refresh.reason = 'Cancel requested by user.'
    return refresh
  }

  rollBackRefresh(): Refresh {
    const refresh = this.running
    if (!refresh || !/^(Pending|InProgress|Baking)$/.test(refresh.status))
      throw noneActive('roll back')
    if (refresh.desiredVersion === undefined) {
      throw new ApiError(
        'IrreversibleInstanceRefresh',
        'The desired configuration of this instance refresh is empty, so it cannot be rolled back.',
      )
    }
    startRollback(refresh, this.world(), 'Rollback requested by user.')
    return refresh
  }

  instance(id: string): Instance {
    const instance = this.machines.instances.get(id)
    if (!instance) throw invalid(`Instance Id not found - No managed instance found for ID: ${id}`)
    return instance
  }

  private check(desired: number | undefined, preferences: RefreshPreferences): void {
    const percentages = preferences.checkpointPercentages
    if (percentages.some((p, i) => p < 1 || p > 100 || p <= (percentages[i - 1] ?? 0))) {
      throw invalid('CheckpointPercentages must be unique, ascending and between 1 and 100.')
    }
    const { minHealthyPercentage: min, maxHealthyPercentage: max } = preferences
    if (max < 100 || max > 200 || min < 0 || min > 100 || max - min > 100) {
      throw invalid('MinHealthyPercentage and MaxHealthyPercentage are out of range.')
    }
    if (preferences.bakeTime < 0 || preferences.bakeTime > 172_800) {
      throw invalid('BakeTime must be between 0 and 172800.')
    }
    if (preferences.alarms.length > 10) throw invalid('At most 10 alarms can be specified.')
    const unfit = preferences.alarms.find((name) => this.alarms.get(name)?.state !== 'OK')
    if (unfit !== undefined) throw invalid(`The alarm ${unfit} is not in the OK state.`)
    if (preferences.autoRollback && desired === undefined) {
      throw invalid('AutoRollback needs a desired configuration.')
    }
    if (desired === undefined) return
    const version = this.template.versions[desired - 1]
    if (!version) {
      throw invalid(
        `You must use a valid fully-formed launch template. Could not find launch template version ${desired}.`,
      )
    }
    if (!this.images.has(version.imageId)) {
      throw invalid(
        `You must use a valid fully-formed launch template. The image id '[${version.imageId}]' does not exist`,
      )
    }
  }

  private world(): World {
    const { group, instances, clock, stallSeconds, cancelMs } = this
    return { group, instances, alarms: this.alarms.values(), clock, stallSeconds, cancelMs }
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      await this.tick().catch((error) => console.error('control plane:', error))
      await Bun.sleep(this.tickMs)
    }
  }
}

/** While one of these is suspended, an instance refresh replaces nothing. */
const HOLDS_A_REFRESH = ['InstanceRefresh', 'Launch', 'Terminate']

/** An AMI id as EC2 makes them. */
export const imageId = (): string => `ami-${hex(17)}`

function noneActive(verb: string): ApiError {
  return new ApiError(
    'ActiveInstanceRefreshNotFound',
    `No in progress or pending Instance Refresh to ${verb}.`,
  )
}
