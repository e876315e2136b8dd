import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { bootContainer, type Container } from '../../../../scripts/lib/image/container.ts'
import type {
  CommandResult,
  InstanceDriver,
  LaunchOrder,
  TargetHealth,
} from '../../aws-double/driver.ts'
import { ec2Instance } from '../../support/ec2-instance.ts'
import { MetadataService } from '../../support/metadata-service.ts'
import type { Balancer } from '../balancer/balancer.ts'
import { addressOf, BRIDGE, here, PREFIX_LENGTH } from '../names.ts'

/** The history of an instance, in milliseconds since the epoch. */
export interface Life {
  id: string
  imageId: string
  launchedAt: number
  /** Its init is running. */
  runningAt?: number
  registeredAt?: number
  /** Healthy for the load balancer: from now on it gets requests. */
  healthyAt?: number
  deregisteredAt?: number
  /** Told to shut down, after its connections were drained. */
  stoppingAt?: number
  goneAt?: number
  /** Set when the scenario killed it. */
  killedAt?: number
}

/** EC2's status checks notice a dead machine after a minute or two; the load balancer is faster. */
const STATUS_CHECK_MS = 60_000

/** A MAC address that no instance has. */
const NOBODY = '02:00:00:00:00:01'

interface Machine {
  life: Life
  address: string
  booting: Promise<Container>
  container?: Container
}

/**
 * Instances as systemd-nspawn containers of the baked images, behind HAProxy. As on EC2, cloud-init configures each from
 * the user data that it gets from the metadata service.
 */
export class Instances implements InstanceDriver {
  private readonly machines = new Map<string, Machine>()
  private readonly metadata = new MetadataService()
  private readonly files = ec2Instance(join(here.folder, 'ec2'))
  private count = 0

  /** `images` maps image IDs to root file systems; `documents` is the folder of the SSM documents. */
  constructor(
    private readonly balancer: Balancer,
    private readonly images: Map<string, string>,
    private readonly documents: string,
  ) {
    for (const root of images.values()) {
      if (existsSync(join(root, 'usr/bin/cloud-init'))) continue
      throw new Error(`${root} has no cloud-init: rehearse a release that was baked with it`)
    }
    this.metadata.start()
  }

  get lives(): Life[] {
    return [...this.machines.values()].map(({ life }) => life)
  }

  /** Records the health that the load balancer sees. */
  noteHealth(id: string, { state }: TargetHealth): void {
    const life = this.machines.get(id)?.life
    if (life && state === 'healthy') life.healthyAt ??= Date.now()
  }

  async launch({ id, imageId, zone, userData }: LaunchOrder): Promise<{ privateIp: string }> {
    const root = this.images.get(imageId)
    if (!root) throw new Error(`the image id '[${imageId}]' does not exist`)
    const number = ++this.count
    const address = addressOf(number)
    const folder = join(here.folder, id)
    mkdirSync(folder, { recursive: true })
    this.metadata.describe(address, { id, imageId, zone, userData })
    const life: Life = { id, imageId, launchedAt: Date.now() }
    const booting = bootContainer({
      root,
      name: `${here.containers}${number}`,
      volatile: true,
      bind: this.files,
      network: {
        namespace: `/run/netns/${here.namespace}`,
        bridge: BRIDGE,
        address: `${address}/${PREFIX_LENGTH}`,
      },
      log: join(folder, 'console.log'),
    })
    const machine: Machine = { life, address, booting }
    this.machines.set(id, machine)
    machine.container = await booting
    life.runningAt = Date.now()
    return { privateIp: address }
  }

  async terminate(id: string): Promise<void> {
    const machine = this.machines.get(id)
    if (!machine || machine.life.goneAt) return
    const container = await machine.booting.catch(() => undefined)
    machine.life.stoppingAt = Date.now()
    if (!machine.life.killedAt) await container?.stop()
    if (machine.life.killedAt) {
      await $`ip neighbour delete ${machine.address} dev ${BRIDGE}`.quiet()
    }
    void this.balancer.remove(id)
    machine.life.goneAt = Date.now()
  }

  async alive(id: string): Promise<boolean> {
    const { life } = this.machine(id)
    return !life.killedAt || Date.now() - life.killedAt < STATUS_CHECK_MS
  }

  async register(id: string): Promise<void> {
    const { life, address } = this.machine(id)
    life.registeredAt ??= Date.now()
    void this.balancer.register(id, address)
  }

  async deregister(id: string): Promise<void> {
    this.machine(id).life.deregisteredAt = Date.now()
    void this.balancer.deregister(id)
  }

  async drained(id: string): Promise<boolean> {
    return this.balancer.connections(id) === 0
  }

  async targetHealth(id: string): Promise<TargetHealth> {
    return this.balancer.health(id)
  }

  async run(
    id: string,
    document: string,
    parameters: Record<string, string[]>,
  ): Promise<CommandResult> {
    const text = await Bun.file(join(this.documents, `${document}.yaml`)).text()
    const { mainSteps } = Bun.YAML.parse(text) as {
      mainSteps: { inputs: { runCommand: string[] } }[]
    }
    const script = (mainSteps[0]?.inputs.runCommand ?? [])
      .join('\n')
      .replace(/\{\{ *(\w+) *\}\}/g, (_, name: string) => parameters[name]?.[0] ?? '')
    return await this.shell(id, script)
  }

  /** Runs a script on the instance, as root. */
  async shell(id: string, script: string): Promise<CommandResult> {
    const { container } = this.machine(id)
    if (!container) throw new Error(`${id} is not running`)
    return await container.run('bash', '-c', script)
  }

  /** Pulls the plug. Packets sent to it from now on vanish, as if nobody had its address. */
  async kill(id: string): Promise<void> {
    const { life, address, container } = this.machine(id)
    life.killedAt = Date.now()
    await $`ip neighbour replace ${address} lladdr ${NOBODY} dev ${BRIDGE} nud permanent`.quiet()
    await container?.kill()
  }

  private machine(id: string): Machine {
    const machine = this.machines.get(id)
    if (!machine) throw new Error(`no instance ${id}`)
    return machine
  }
}
