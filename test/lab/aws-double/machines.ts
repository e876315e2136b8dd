import type { Clock } from './clock.ts'
import type { InstanceDriver } from './driver.ts'
import type { Activity, Group, Image, Instance, LaunchTemplate } from './model.ts'

const LAUNCH_RETRY_SECONDS = 30

/** Takes instances through their lifecycle with the driver: launch, register, in service; deregister, drain, terminate. */
export class Machines {
  readonly instances = new Map<string, Instance>()
  readonly activities: Activity[] = []
  private retryAt = 0
  private readonly work = new Set<Promise<void>>()

  constructor(
    private readonly group: Group,
    private readonly template: LaunchTemplate,
    private readonly images: ReadonlyMap<string, Image>,
    private readonly clock: Clock,
    private readonly driver: InstanceDriver,
  ) {}

  launch(version: number): void {
    const data = this.template.versions[version - 1]
    if (!data || this.clock.now() < this.retryAt) return
    const instance: Instance = {
      id: `i-${hex(17)}`,
      zone: this.emptiestZone(),
      imageId: data.imageId,
      version,
      tags: { ...this.group.tags, ...data.tags, 'aws:autoscaling:groupName': this.group.name },
      lifecycle: 'Pending',
      launchedAt: this.clock.now(),
      health: 'Healthy',
      target: { state: 'unused', reason: 'Target.NotRegistered' },
    }
    this.instances.set(instance.id, instance)
    const activity = this.activity(`Launching a new EC2 instance: ${instance.id}`)
    this.run(async () => {
      try {
        if (!this.images.has(data.imageId)) {
          throw new Error(
            `The image id '[${data.imageId}]' does not exist. Launching EC2 instance failed.`,
          )
        }
        const { privateIp } = await this.driver.launch({
          ...instance,
          templateId: this.template.id,
          templateVersion: version,
          userData: data.userData,
        })
        instance.privateIp = privateIp
        instance.runningAt = this.clock.now()
        if (instance.lifecycle !== 'Pending') return
        await this.enterService(instance)
        this.close(activity, 'Successful')
      } catch (error) {
        this.retryAt = this.clock.now() + this.clock.span('launch-retry', LAUNCH_RETRY_SECONDS)
        this.close(activity, 'Failed', (error as Error).message)
        instance.lifecycle = 'Terminated'
        instance.terminatedAt = this.clock.now()
      }
    })
  }

  terminate(instance: Instance, cause: string): void {
    if (instance.lifecycle === 'Terminating' || instance.lifecycle === 'Terminated') return
    const registered = instance.lifecycle === 'InService'
    instance.lifecycle = 'Terminating'
    const activity = this.activity(`Terminating EC2 instance: ${instance.id}`, cause)
    this.run(async () => {
      if (registered) await this.drain(instance)
      await this.driver.terminate(instance.id)
      instance.lifecycle = 'Terminated'
      instance.terminatedAt = this.clock.now()
      this.close(activity, 'Successful')
    })
  }

  /** Moves an instance to standby, or from standby back behind the load balancer. */
  standby(instance: Instance, out: boolean): Activity {
    const verb = out ? 'Moving EC2 instance to' : 'Moving EC2 instance out of'
    const activity = this.activity(`${verb} Standby: ${instance.id}`)
    instance.lifecycle = out ? 'Standby' : 'Pending'
    this.run(async () => {
      if (out) {
        await this.drain(instance)
      } else {
        await this.enterService(instance)
      }
      this.close(activity, 'Successful')
    })
    return activity
  }

  /** What was asked for and cannot be done. */
  refuse(message: string): Activity {
    const activity = this.activity('Moving EC2 instance out of Standby')
    this.close(activity, 'Failed', message)
    return activity
  }

  /** Asks the driver how everything is, and takes health from it as the group does. */
  async observe(): Promise<void> {
    await Promise.all([...this.instances.values()].map((instance) => this.look(instance)))
  }

  /** Waits for pending launches and terminations. */
  async settle(): Promise<void> {
    while (this.work.size) await Promise.all(this.work)
  }

  private async look(instance: Instance): Promise<void> {
    if (instance.lifecycle !== 'InService') return
    const [alive, target] = await Promise.all([
      this.driver.alive(instance.id),
      this.driver.targetHealth(instance.id),
    ])
    if (instance.lifecycle !== 'InService') return
    instance.target = target
    const now = this.clock.now()
    if (target.state === 'healthy') instance.healthyAt ??= now
    if (this.group.suspended.has('HealthCheck')) return
    const grace = this.clock.span('grace', this.group.graceSeconds)
    const pastGrace = now - (instance.inServiceAt ?? now) >= grace
    if (!alive || (target.state === 'unhealthy' && pastGrace)) instance.health = 'Unhealthy'
  }

  private async enterService(instance: Instance): Promise<void> {
    await this.driver.register(instance.id)
    if (instance.lifecycle === 'Terminating') return
    instance.target = { state: 'initial', reason: 'Elb.RegistrationInProgress' }
    instance.inServiceAt = this.clock.now()
    instance.lifecycle = 'InService'
  }

  private async drain(instance: Instance): Promise<void> {
    await this.driver.deregister(instance.id)
    instance.target = { state: 'draining', reason: 'Target.DeregistrationInProgress' }
    const limit = this.clock.span('deregistration', this.group.deregistrationSeconds)
    const started = this.clock.now()
    instance.drainingAt = started
    while (this.clock.now() - started < limit) {
      if (await this.driver.drained(instance.id)) break
      await Bun.sleep(20)
    }
    instance.drainedAt = this.clock.now()
    instance.target = { state: 'unused', reason: 'Target.NotRegistered' }
  }

  private emptiestZone(): string {
    const { zones } = this.group
    const load = (zone: string): number =>
      [...this.instances.values()].filter(
        ({ zone: its, lifecycle }) => its === zone && /Pending|InService/.test(lifecycle),
      ).length
    return [...zones].sort((a, b) => load(a) - load(b))[0] as string
  }

  private activity(description: string, cause = ''): Activity {
    const startedAt = this.clock.now()
    const activity: Activity = {
      id: crypto.randomUUID(),
      description,
      cause,
      startedAt,
      status: 'InProgress',
    }
    this.activities.unshift(activity)
    return activity
  }

  private close(activity: Activity, status: Activity['status'], message?: string): void {
    activity.status = status
    activity.endedAt = this.clock.now()
    if (message) activity.message = message
  }

  private run(steps: () => Promise<void>): void {
    const promise = steps()
      .catch((error) => console.error('control plane:', error))
      .finally(() => this.work.delete(promise))
    this.work.add(promise)
  }
}

export function hex(digits: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(Math.ceil(digits / 2)))
  return bytes.toHex().slice(0, digits)
}
