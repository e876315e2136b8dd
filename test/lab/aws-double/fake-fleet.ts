import { canary } from '../../../scripts/lib/domain/canary.ts'
import type { Counters } from '../../../scripts/lib/probe/counters.ts'
import { service } from '../../../scripts/lib/service.ts'
import type { CommandResult, InstanceDriver, LaunchOrder, TargetHealth } from './driver.ts'

type Parameters = Record<string, string[]>

/** How instances of one image, or of one launch template version, behave. */
export interface Behaviour {
  /** Milliseconds from launch to running. */
  bootMs?: number
  /** If set, the launch fails with this message, as when capacity or the image is missing. */
  launchFails?: string
  /** If set, /hc returns this status instead of 200, so that the target never becomes healthy. */
  healthStatus?: number
  /** If set, requests other than /hc return this status. */
  answerStatus?: number
  /** If set, requests other than /hc and /version return this status. */
  canaryStatus?: number
  /** How long after its launch requests but /hc and /version begin to fail, in milliseconds. */
  canaryFailsAfterMs?: number
  /** The status of those (500): 502 is the load balancer's, for a connection that was reset. */
  laterStatus?: number
  /** What a request takes, in milliseconds. */
  latencyMs?: () => number
  /** The share of users' requests that it fails, from 0 to 1: those that the probe never sends. */
  usersFail?: number
  /** The same, once nothing else serves. */
  usersFailAlone?: number
  /** If set, /version names this release instead of the instance's tag. */
  otherRelease?: string
  /** How long /hc fails while the `restart` document runs, in milliseconds. */
  restartMs?: number
  /** How long an SSM document runs, in milliseconds. */
  commandMs?: number
  /** The results of SSM documents, by the last word of their name; or what an instance does for one. */
  commands?: Record<
    string,
    CommandResult | ((id: string, parameters: Parameters) => Promise<CommandResult>)
  >
}

export interface FleetTimes {
  /** Between two health checks of a target, in milliseconds. */
  intervalMs: number
  healthyThreshold: number
  unhealthyThreshold: number
}

interface Machine {
  order: LaunchOrder
  alive: boolean
  restarting: boolean
  registered: boolean
  draining: boolean
  state: TargetHealth
  streak: { good: boolean; length: number }
  launchedAt: number
  /** What its worker has answered since it started. */
  answered: { requests: number; serverErrors: number }
  timer?: Timer
}

/** What the document `traffic` leaves out. */
const UNCOUNTED = [service.health.path, service.version.path]

const QUICK: FleetTimes = { intervalMs: 20, healthyThreshold: 2, unhealthyThreshold: 3 }

/** In-process instances behind an in-process load balancer: the driver for tests that need no machine. */
export class FakeFleet implements InstanceDriver {
  readonly machines = new Map<string, Machine>()
  /** What the instances share: what was written, by path. */
  readonly store = new Map<string, string>()
  /** Accepted tokens; empty means none is needed. */
  readonly tokens = new Set<string>()
  /** If set, requests other than /hc and /version go to the service at this URL. */
  upstream: string | undefined
  /** Requests received so far. */
  requests = 0
  /** What users send besides, in requests per second. */
  usersPerSecond = 0
  /** Status that the load balancer itself returns instead of forwarding. */
  outage: number | undefined
  private readonly server: Bun.Server<undefined> | undefined
  private turn = 0

  constructor(
    private readonly behaviours: (imageId: string, templateVersion: number) => Behaviour,
    private readonly times: FleetTimes = QUICK,
    /** If false, requests come only through `forward`. */
    listens = true,
  ) {
    this.server = listens
      ? Bun.serve({
          port: 0,
          hostname: '127.0.0.1',
          fetch: (request) => this.forward(request),
        })
      : undefined
  }

  /** URL of the load balancer, without a trailing slash. */
  get url(): string {
    return this.server?.url.origin ?? 'http://fleet.test'
  }

  async stop(): Promise<void> {
    for (const { timer } of this.machines.values()) clearInterval(timer)
    await this.server?.stop(true)
  }

  /** The machine is dead from now on, as after a kernel panic. */
  kill(id: string): void {
    this.machine(id).alive = false
  }

  async launch(order: LaunchOrder): Promise<{ privateIp: string }> {
    const { bootMs = 20, launchFails } = this.behaviourOf(order)
    await Bun.sleep(bootMs)
    if (launchFails) throw new Error(launchFails)
    this.machines.set(order.id, {
      order,
      alive: true,
      restarting: false,
      registered: false,
      draining: false,
      state: { state: 'unused', reason: 'Target.NotRegistered' },
      streak: { good: true, length: 0 },
      launchedAt: Date.now(),
      answered: { requests: 0, serverErrors: 0 },
    })
    return { privateIp: `10.0.0.${this.machines.size}` }
  }

  async terminate(id: string): Promise<void> {
    const machine = this.machines.get(id)
    if (!machine) return
    clearInterval(machine.timer)
    machine.alive = false
    machine.registered = false
  }

  async alive(id: string): Promise<boolean> {
    return this.machine(id).alive
  }

  async register(id: string): Promise<void> {
    const machine = this.machine(id)
    machine.registered = true
    machine.draining = false
    machine.state = { state: 'initial', reason: 'Elb.InitialHealthChecking' }
    machine.timer = setInterval(() => this.check(machine), this.times.intervalMs)
  }

  async deregister(id: string): Promise<void> {
    const machine = this.machine(id)
    machine.draining = true
    clearInterval(machine.timer)
  }

  async drained(): Promise<boolean> {
    return true
  }

  async targetHealth(id: string): Promise<TargetHealth> {
    return this.machine(id).state
  }

  async run(id: string, document: string, parameters: Parameters): Promise<CommandResult> {
    const machine = this.machine(id)
    const behaviour = this.behaviourOf(machine.order)
    const command = behaviour.commands?.[document] ?? this.traffic(machine, document)
    const known = typeof command === 'function' ? await command(id, parameters) : command
    if (behaviour.commandMs) await Bun.sleep(behaviour.commandMs)
    if (document === 'restart') {
      machine.restarting = true
      await Bun.sleep(behaviour.restartMs ?? 0)
      machine.restarting = false
    }
    return known ?? { exitCode: 0, stdout: `${document} of ${id}\n`, stderr: '' }
  }

  private behaviourOf({ imageId, templateVersion }: LaunchOrder): Behaviour {
    return this.behaviours(imageId, templateVersion)
  }

  private machine(id: string): Machine {
    const machine = this.machines.get(id)
    if (!machine) throw new Error(`no machine ${id}`)
    return machine
  }

  private traffic({ answered, launchedAt }: Machine, document: string): CommandResult | undefined {
    if (document !== 'traffic') return undefined
    const started = Math.floor(launchedAt / 1000)
    // Everything takes 20 ms.
    const buckets = { 0.01: 0, 0.025: answered.requests, 0.05: answered.requests }
    const counters: Counters = { [service.adminPort]: { started, ...answered, buckets } }
    return { exitCode: 0, stdout: `${JSON.stringify(counters)}\n`, stderr: '' }
  }

  /** What users have sent to a machine since its last health check. */
  private serveUsers(machine: Machine): void {
    if (this.usersPerSecond === 0 || !this.serving.includes(machine)) return
    const { imageId } = machine.order
    const { usersFail = 0, usersFailAlone = usersFail } = this.behaviourOf(machine.order)
    const isAlone = this.serving.every(({ order }) => order.imageId === imageId)
    const share = isAlone ? usersFailAlone : usersFail
    const each = (this.usersPerSecond * this.times.intervalMs) / 1000 / this.serving.length
    const requests = Math.floor(each + Math.random())
    machine.answered.requests += requests
    machine.answered.serverErrors += Math.floor(requests * share + Math.random())
  }

  private check(machine: Machine): void {
    this.serveUsers(machine)
    const status = this.behaviourOf(machine.order).healthStatus ?? 200
    const good = machine.alive && !machine.restarting && status === 200
    const { streak } = machine
    machine.streak = { good, length: streak.good === good ? streak.length + 1 : 1 }
    if (good && machine.streak.length >= this.times.healthyThreshold) {
      machine.state = { state: 'healthy' }
    } else if (!good && machine.streak.length >= this.times.unhealthyThreshold) {
      machine.state = machine.alive
        ? {
            state: 'unhealthy',
            reason: 'Target.ResponseCodeMismatch',
            description: `Health checks failed with these codes: [${status}]`,
          }
        : { state: 'unhealthy', reason: 'Target.Timeout', description: 'Request timed out' }
    }
  }

  /** Handles a request as the load balancer does. */
  async forward(request: Request): Promise<Response> {
    this.requests++
    if (this.outage) return new Response('', { status: this.outage })
    const healthy = this.serving
    const machine = healthy[this.turn++ % Math.max(1, healthy.length)]
    if (!machine) return new Response('', { status: 503 })
    if (!machine.alive) return new Response('', { status: 502 })
    return await this.serve(machine, request)
  }

  /** Where requests go. */
  private get serving(): Machine[] {
    return [...this.machines.values()].filter(
      ({ registered, draining, state }) => registered && !draining && state.state === 'healthy',
    )
  }

  private async serve(machine: Machine, request: Request): Promise<Response> {
    const response = await this.answer(machine, request)
    if (!UNCOUNTED.includes(new URL(request.url).pathname)) {
      machine.answered.requests++
      if (response.status >= 500) machine.answered.serverErrors++
    }
    // A release that fails completely may well not identify itself.
    if (response.ok) {
      response.headers.set(service.releaseHeader, machine.order.tags.release ?? '')
      response.headers.set(service.instanceHeader, machine.order.id)
    }
    return response
  }

  private async answer({ order, launchedAt }: Machine, request: Request): Promise<Response> {
    const behaviour = this.behaviourOf(order)
    if (behaviour.latencyMs) await Bun.sleep(behaviour.latencyMs())
    const path = new URL(request.url).pathname
    if (path === service.health.path && (request.method === 'GET' || !this.upstream))
      return Response.json({ status: 'ok' }, { status: behaviour.healthStatus ?? 200 })
    if (behaviour.answerStatus) return new Response('', { status: behaviour.answerStatus })
    if (path === service.version.path) {
      const version = behaviour.otherRelease ?? order.tags.release
      return Response.json({
        version,
        commit: version,
        builtAt: 'before',
        environment: 'production',
        instance: order.id,
        bun: Bun.version,
      })
    }
    if (behaviour.canaryStatus) return new Response('', { status: behaviour.canaryStatus })
    if (Date.now() - launchedAt > (behaviour.canaryFailsAfterMs ?? Number.POSITIVE_INFINITY)) {
      return new Response('', { status: behaviour.laterStatus ?? 500 })
    }
    if (this.upstream) {
      const body = await request.arrayBuffer()
      const hasBody = body.byteLength > 0
      const headers = new Headers(request.headers)
      headers.delete('host')
      return await fetch(this.upstream + path, {
        method: request.method,
        headers,
        ...(hasBody ? { body } : {}),
      })
    }
    if (this.tokens.size > 0) {
      const token = request.headers.get('authorization')?.replace(/^Bearer /, '') ?? ''
      if (!this.tokens.has(token)) return new Response('', { status: 401 })
    }
    if (request.method === 'PUT') {
      this.store.set(path, await request.text())
      return new Response(null, { status: 204 })
    }
    if (request.method === 'DELETE') {
      return new Response(null, { status: this.store.delete(path) ? 204 : 404 })
    }
    const written = this.store.get(path)
    if (written === undefined) return new Response('', { status: 404 })
    return new Response(canary.answer(path, written, new Date()))
  }
}
