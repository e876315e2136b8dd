import { join } from 'node:path'
import { $ } from 'bun'
import { service } from '../../../../scripts/lib/service.ts'
import type { TargetHealth } from '../../aws-double/driver.ts'
import { BACKENDS, configuration, RULES, serverWords } from './configuration.ts'
import { type Row, rows, tell } from './haproxy.ts'
import { INITIAL, SETTLING_MS, unhealthy } from './health.ts'

const POLL_MS = 250

/** What a node knows of a target. */
interface Target {
  /** `lingering`: deregistered, but its open connections are used until they are closed. */
  state: 'initial' | 'serving' | 'lingering' | 'draining'
  registeredAt: number
  health: TargetHealth
  /** Requests in flight plus idle connections. */
  connections: number
  /** 5xx responses of this target so far. */
  errors: number
}

export interface NodeOptions {
  name: string
  /** Its own address, which it has while it runs. */
  address: string
  /** The interface that gets the address. */
  device: string
  /** Where its files go. */
  folder: string
  /** Path of certificate and key. */
  certificate: string
  /** Between two health checks of a target, in seconds. */
  interval: number
  /** How late it acts on failed health checks, in seconds. */
  healthLag: number
  /** Called on each change of the health of a target. */
  changed(): void
}

/** One node of the load balancer: an HAProxy with an address of its own, controlled through its runtime API. */
export class BalancerNode {
  /** 5xx responses so far: its own, and those of targets. */
  readonly errors = { own: 0, targets: 0 }
  private readonly targets = new Map<string, Target>()
  private readonly socket: string
  /** Failed checks in a row until a target is unhealthy. */
  private readonly fall: number
  /** HAProxy's health counter once a target is healthy. */
  private readonly full: number
  private process: Bun.Subprocess | undefined
  private timer: Timer | undefined
  private polling = false
  private errorsOfGone = 0
  private going = false

  constructor(private readonly options: NodeOptions) {
    this.socket = join(options.folder, `${options.name}.sock`)
    this.fall = RULES.unhealthy + Math.ceil(options.healthLag / options.interval)
    this.full = RULES.healthy + this.fall - 1
  }

  get address(): string {
    return this.options.address
  }

  /** Whether it leaves or is gone: then it hears of no change any more. */
  get isGoing(): boolean {
    return this.going
  }

  async start(): Promise<void> {
    const { name, address, device, folder, certificate } = this.options
    await $`ip address add ${address}/32 dev ${device}`.quiet()
    const path = join(folder, `${name}.cfg`)
    const inner = join(folder, `${name}-inner.sock`)
    await Bun.write(path, configuration(address, { socket: this.socket, inner, certificate }))
    const log = Bun.file(join(folder, `${name}.log`))
    this.process = Bun.spawn(['haproxy', '-f', path, '-db'], {
      stdin: 'ignore',
      stdout: log,
      stderr: log,
    })
    for (let tries = 0; !(await this.answers()); tries++) {
      if (tries > 100 || this.process.exitCode !== null) {
        throw new Error(`haproxy did not start: ${await log.text()}`)
      }
      await Bun.sleep(50)
    }
    this.timer = setInterval(() => void this.poll(), POLL_MS)
  }

  /** Like a machine that loses power. */
  async stop(): Promise<void> {
    this.going = true
    clearInterval(this.timer)
    this.process?.kill('SIGKILL')
    await this.process?.exited
    const { address, device } = this.options
    await $`ip address delete ${address}/32 dev ${device}`.nothrow().quiet()
  }

  /** Starts health checks; the target gets requests once enough of them have succeeded. */
  async register(id: string, address: string): Promise<void> {
    for (const backend of BACKENDS) {
      const words = serverWords(backend, this.options.interval, this.fall)
      await this.tell(`add server ${backend}/${id} ${address}:${service.port} ${words}`)
    }
    // HAProxy assumes that a new server is healthy. While draining it gets checks but no requests.
    await this.tell(`set server targets/${id} state drain`)
    await this.tell(`enable health targets/${id}`)
    await this.tell(`set server open/${id} state ready`)
    const registeredAt = Date.now()
    const health = INITIAL
    this.targets.set(id, { state: 'initial', registeredAt, health, connections: 0, errors: 0 })
    this.options.changed()
  }

  /**
   * Opens no more connections to the target, but uses those that are open, which an ALB was seen to do
   * (kubernetes-sigs/aws-load-balancer-controller#1064).
   */
  async deregister(id: string): Promise<void> {
    const target = this.targets.get(id)
    if (!target) return
    await this.tell(`set server open/${id} state maint`)
    const lingers = target.state === 'serving' && target.connections > 0
    target.state = lingers ? 'lingering' : 'draining'
    await (lingers ? this.linger(id, target) : this.tell(`set server targets/${id} state drain`))
  }

  /** Removes the target and closes its remaining connections. */
  async remove(id: string): Promise<void> {
    const target = this.targets.get(id)
    if (!target) return
    await this.poll()
    this.targets.delete(id)
    this.errorsOfGone += target.errors
    for (const backend of BACKENDS) {
      await this.tell(`set server ${backend}/${id} state maint`)
      await this.tell(`shutdown sessions server ${backend}/${id}`)
      await this.delete(`${backend}/${id}`)
    }
  }

  /** What it sees of a target; undefined if it does not know it. */
  health(id: string): TargetHealth | undefined {
    return this.targets.get(id)?.health
  }

  connections(id: string): number {
    return this.targets.get(id)?.connections ?? 0
  }

  private async linger(id: string, target: Target): Promise<void> {
    if (target.connections > 0) {
      await this.tell(`set maxconn server targets/${id} ${target.connections}`)
    } else {
      target.state = 'draining'
      await this.tell(`set server targets/${id} state drain`)
    }
  }

  private async delete(server: string): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      if (/deleted/i.test(await this.tell(`del server ${server}`))) return
      await Bun.sleep(100)
    }
    throw new Error(`haproxy did not remove ${server}`)
  }

  private async answers(): Promise<boolean> {
    return await this.tell('show info').then(
      () => true,
      () => false,
    )
  }

  private async poll(): Promise<void> {
    if (this.polling) return
    this.polling = true
    try {
      const [stats, states] = await Promise.all([
        this.tell('show stat'),
        this.tell('show servers state targets'),
      ])
      await this.learn(rows(stats, ','), rows(states.split('\n').slice(1).join('\n'), ' '))
    } catch {
      // The next poll will do.
    } finally {
      this.polling = false
    }
  }

  private async learn(stats: Row[], states: Row[]): Promise<void> {
    const counters = new Map(states.map((row) => [row.srv_name, Number(row.srv_check_health)]))
    const sum = (rows: Row[], column: string) =>
      rows.reduce((total, row) => total + Number(row[column]), 0)
    for (const [id, target] of this.targets) {
      const both = stats.filter((row) => row.svname === id)
      const checked = both.find((row) => row.pxname === 'targets')
      if (!checked) continue
      target.errors = sum(both, 'hrsp_5xx')
      target.connections = sum(both, 'scur') + sum(both, 'srv_icur')
      if (target.state === 'lingering') await this.linger(id, target)
      else if (target.state !== 'draining') {
        await this.judge(id, target, checked, counters.get(id) ?? 0)
      }
    }
    const all = stats.filter((row) => row.svname === 'BACKEND' && row.pxname !== 'inner')
    this.errors.targets = [...this.targets.values()].reduce(
      (total, { errors }) => total + errors,
      this.errorsOfGone,
    )
    this.errors.own = Math.max(this.errors.own, sum(all, 'hrsp_5xx') - this.errors.targets)
  }

  private async judge(id: string, target: Target, row: Row, counter: number): Promise<void> {
    const down = /^DOWN/.test(row.status ?? '') || counter === 0
    if (target.state === 'initial' && counter >= this.full) {
      await this.tell(`set server targets/${id} state ready`)
      target.state = 'serving'
    }
    const settling = Date.now() - target.registeredAt < SETTLING_MS
    const before = target.health.state
    if (down) {
      if (target.state !== 'initial' || !settling) target.health = unhealthy(row)
    } else if (target.state === 'serving') {
      target.health = { state: 'healthy' }
    }
    if (before !== target.health.state) this.options.changed()
  }

  private tell(command: string): Promise<string> {
    return tell(this.socket, command)
  }
}
