import { join } from 'node:path'
import { $ } from 'bun'
import type { TargetHealth } from '../../aws-double/driver.ts'
import { RULES } from './configuration.ts'
import type { Names } from './dns.ts'
import { combine, DRAINING, UNUSED } from './health.ts'
import type { Lag } from './lag.ts'
import { BalancerNode } from './node.ts'

/** 5xx responses so far: the load balancer's own, and those of instances. */
export interface Errors {
  own: number
  targets: number
}

interface Target {
  address: string
  registered: boolean
  health: TargetHealth
  /** Resolves when a node has heard all that is known of it. */
  heard: Map<BalancerNode, Promise<void>>
}

export interface BalancerOptions {
  /** Its name, which resolves to the addresses of its nodes. */
  name: string
  names: Names
  /** The addresses of its nodes. */
  addresses: string[]
  device: string
  folder: string
  lag: Lag
  /** Between two health checks of a target, in seconds. */
  interval?: number
  /** Called on each change of a target's state. */
  changed(id: string, health: TargetHealth): void
}

/**
 * A load balancer as an ALB is: several nodes, among which DNS spreads the clients, that hear of each change at a time of
 * their own and check the health of each target themselves (ELB user guide, "Health checks for target groups").
 */
export class Balancer {
  readonly nodes: BalancerNode[] = []
  private readonly targets = new Map<string, Target>()
  private readonly errorsOfGone: Errors = { own: 0, targets: 0 }
  /** Path of certificate and key. */
  private certificate = ''
  private isLate = false

  constructor(private readonly options: BalancerOptions) {}

  async start(): Promise<void> {
    const { folder, addresses, name, device, lag, interval = RULES.interval } = this.options
    this.certificate = join(folder, `${name}.pem`)
    await this.makeCertificate()
    const healthLags = lag.draw(addresses.length)
    // One by one: their order says which of them is how late, and in which zone.
    for (const [index, address] of addresses.entries()) {
      const node = new BalancerNode({
        ...{ name: `${name}-${index + 1}`, address, device, folder, interval },
        certificate: this.certificate,
        healthLag: healthLags[index] ?? 0,
        changed: () => this.judge(),
      })
      await node.start()
      this.nodes.push(node)
    }
    this.publish()
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }

  /** Certificate and key, for the name and the addresses. */
  private async makeCertificate(): Promise<void> {
    const { name, addresses } = this.options
    const subjects = [`DNS:${name}`, ...addresses.map((address) => `IP:${address}`)].join()
    await $`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${name} -addext subjectAltName=${subjects} -keyout ${this.certificate} -out ${this.trusted}`.quiet()
    const parts = [this.certificate, this.trusted].map((path) => Bun.file(path).text())
    await Bun.write(this.certificate, (await Promise.all(parts)).join(''))
  }

  /** Path of the certificate that clients have to trust. */
  get trusted(): string {
    return `${this.certificate}.crt`
  }

  get errors(): Errors {
    const sum = (kind: keyof Errors) =>
      this.nodes.reduce((total, node) => total + node.errors[kind], this.errorsOfGone[kind])
    return { own: sum('own'), targets: sum('targets') }
  }

  /** Forgets a node that has been stopped, and takes it out of DNS. */
  removeNode(node: BalancerNode): void {
    this.nodes.splice(this.nodes.indexOf(node), 1)
    this.errorsOfGone.own += node.errors.own
    this.errorsOfGone.targets += node.errors.targets
    this.publish()
  }

  /**
   * Starts health checks; the instance gets requests once enough of them have succeeded. Resolves when all nodes have
   * heard, as do the others.
   */
  async register(id: string, address: string): Promise<void> {
    const health: TargetHealth = combine([])
    const target = { address, registered: true, health, heard: new Map() }
    this.targets.set(id, target)
    this.options.changed(id, health)
    await this.spread(target, (node) => node.register(id, address))
  }

  /** Whether every node finds every registered target healthy. */
  get isSettled(): boolean {
    return [...this.targets].every(
      ([id, { registered }]) =>
        !registered || this.nodes.every((node) => node.health(id)?.state === 'healthy'),
    )
  }

  /** From now on nodes hear late. Until then they hear at once, so that a fleet can be set up. */
  becomeLate(): void {
    this.isLate = true
  }

  /** Stops new connections, on each node once it has heard. */
  async deregister(id: string): Promise<void> {
    const target = this.targets.get(id)
    if (!target) return
    target.registered = false
    target.health = DRAINING
    this.options.changed(id, DRAINING)
    await this.spread(target, (node) => node.deregister(id))
  }

  /** Forgets the instance; each node does once it has heard of its deregistration. */
  async remove(id: string): Promise<void> {
    const target = this.targets.get(id)
    if (!target) return
    if (target.registered) void this.deregister(id)
    this.targets.delete(id)
    await Promise.all(this.nodes.map((node) => this.later(target, node, 0, () => node.remove(id))))
  }

  health(id: string): TargetHealth {
    return this.targets.get(id)?.health ?? UNUSED
  }

  connections(id: string): number {
    return this.nodes.reduce((total, node) => total + node.connections(id), 0)
  }

  /** How long after an instance has failed all nodes know, in milliseconds. */
  get noticedMs(): number {
    const { interval, timeout, unhealthy } = RULES
    return (unhealthy * (interval + timeout) + this.options.lag.seconds + 3) * 1000
  }

  private publish(): void {
    this.options.names.set(
      this.options.name,
      this.nodes.map(({ address }) => address),
    )
  }

  private async spread(target: Target, act: (node: BalancerNode) => Promise<void>): Promise<void> {
    const delays = this.options.lag.draw(this.nodes.length)
    const hear = (node: BalancerNode, index: number) =>
      this.later(target, node, this.isLate ? (delays[index] ?? 0) * 1000 : 0, () => act(node))
    await Promise.all(this.nodes.map(hear))
  }

  /** Has a node hear something of a target after `delayMs`, and after what it was to hear earlier. */
  private later(
    target: Target,
    node: BalancerNode,
    delayMs: number,
    act: () => Promise<void>,
  ): Promise<void> {
    const heard = Promise.all([target.heard.get(node), Bun.sleep(delayMs)])
      .then(act)
      .catch((error) => {
        if (!node.isGoing) console.error('balancer:', error)
      })
    target.heard.set(node, heard)
    return heard
  }

  private judge(): void {
    for (const [id, target] of this.targets) {
      if (!target.registered) continue
      const health = combine(
        this.nodes.flatMap((node) => (node.isGoing ? [] : (node.health(id) ?? []))),
      )
      const before = target.health.state
      target.health = health
      if (before !== health.state) this.options.changed(id, health)
    }
  }
}
