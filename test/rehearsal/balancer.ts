import { connect } from 'node:net'
import { join } from 'node:path'
import { service } from '../../scripts/lib/service.ts'
import type { TargetHealth } from '../aws-double/driver.ts'
import { HOST_ADDRESS, RUN_FOLDER } from './names.ts'

/** The load balancer's timings in seconds, as in terraform/load_balancer.tf. */
export const RULES = {
  idle: 60,
  connect: 10,
  interval: 5,
  timeout: 3,
  healthy: 2,
  unhealthy: 3,
  deregistration: 30,
}

const SOCKET = join(RUN_FOLDER, 'haproxy.sock')
const POLL_MS = 250
/**
 * HAProxy has no idle timeout for connections to an instance, but closes half of the idle ones at this interval: the last
 * of a dozen is closed after about as long as with the load balancer.
 */
const PURGE_SECONDS = 15
/** HAProxy's health counter once enough checks in a row have succeeded. */
const HEALTH_FULL = RULES.healthy + RULES.unhealthy - 1

/** Distinguishes the load balancer's own responses from those of instances. */
export const OWN_HEADER = 'x-load-balancer'
/** The instance that answered. */
export const TARGET_HEADER = 'x-target'

/**
 * Two proxies in one process. The inner one chooses the instance. It gets each request on a new connection, since HAProxy
 * does not answer a later request on a kept-alive connection with 502: it closes the connection so that the client retries.
 */
const configuration = (): string => `
global
  stats socket ${SOCKET} mode 600 level admin
  nbthread 1
  maxconn 8000

defaults
  mode http
  option http-keep-alive
  retries 0
  timeout connect ${RULES.connect}s
  timeout client ${RULES.idle}s
  timeout server ${RULES.idle}s
  timeout http-keep-alive ${RULES.idle}s
  timeout check ${RULES.timeout}s

frontend listener
  bind ${HOST_ADDRESS}:80
  default_backend inner

backend inner
  option http-server-close
  # A target that refuses the connection: 503 with HAProxy, 502 with the ALB. Without any target both say 503.
  http-response set-status 502 if { status 503 } { res.hdr(${OWN_HEADER}) -m found } { nbsrv(targets) gt 0 }
  server inner unix@${join(RUN_FOLDER, 'inner.sock')}

frontend inner
  bind unix@${join(RUN_FOLDER, 'inner.sock')} mode 600
  default_backend targets

backend targets
  balance leastconn
  http-reuse always
  option httpchk
  http-check send meth GET uri ${service.health.path} ver HTTP/1.1 hdr host ${HOST_ADDRESS} hdr user-agent ELB-HealthChecker/2.0
  http-check expect status 200
  http-response set-header ${TARGET_HEADER} %s
${[502, 503, 504].map((status) => `  http-error status ${status} content-type text/html string "<h1>${status}</h1>" hdr ${OWN_HEADER} ${status}`).join('\n')}
`

interface Target {
  state: 'initial' | 'serving' | 'draining'
  registeredAt: number
  health: TargetHealth
  /** Requests in flight plus idle connections. */
  connections: number
  /** 5xx responses of this instance so far. */
  errors: number
  listed: boolean
}

/** 5xx responses so far: the load balancer's own, and those of instances. */
export interface Errors {
  own: number
  targets: number
}

/** HAProxy with the ALB's rules, controlled through its runtime API. */
export class Balancer {
  readonly errors: Errors = { own: 0, targets: 0 }
  private readonly targets = new Map<string, Target>()
  private process: Bun.Subprocess | undefined
  private timer: Timer | undefined
  private polling = false

  /** `changed` is called on each change of a target's state. */
  constructor(private readonly changed: (id: string, health: TargetHealth) => void) {}

  async start(): Promise<void> {
    const path = join(RUN_FOLDER, 'haproxy.cfg')
    await Bun.write(path, configuration())
    this.process = Bun.spawn(['haproxy', '-f', path, '-db'], {
      stdin: 'ignore',
      stdout: Bun.file(join(RUN_FOLDER, 'haproxy.log')),
      stderr: Bun.file(join(RUN_FOLDER, 'haproxy.log')),
    })
    for (let tries = 0; ; tries++) {
      if (
        await this.tell('show info').then(
          () => true,
          () => false,
        )
      )
        break
      if (tries > 100 || this.process.exitCode !== null) {
        throw new Error(
          `haproxy did not start: ${await Bun.file(join(RUN_FOLDER, 'haproxy.log')).text()}`,
        )
      }
      await Bun.sleep(50)
    }
    this.timer = setInterval(() => void this.poll(), POLL_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.timer)
    this.process?.kill()
    await this.process?.exited
  }

  /** Starts health checks; the instance gets requests once enough of them have succeeded. */
  async register(id: string, address: string): Promise<void> {
    const server = `targets/${id}`
    const { interval, unhealthy, healthy } = RULES
    await this.tell(
      `add server ${server} ${address}:${service.port} check inter ${interval}s fall ${unhealthy} rise ${healthy} pool-max-conn -1 pool-purge-delay ${PURGE_SECONDS}s`,
    )
    // HAProxy assumes that a new server is healthy. While draining it gets checks but no requests.
    await this.tell(`set server ${server} state drain`)
    await this.tell(`enable health ${server}`)
    const health: TargetHealth = { state: 'initial', reason: 'Elb.InitialHealthChecking' }
    this.targets.set(id, {
      state: 'initial',
      registeredAt: Date.now(),
      health,
      connections: 0,
      errors: 0,
      listed: true,
    })
    this.changed(id, health)
  }

  /** Stops new requests; those in flight continue. */
  async deregister(id: string): Promise<void> {
    const target = this.targets.get(id)
    if (!target) return
    await this.tell(`set server targets/${id} state drain`)
    target.state = 'draining'
    target.health = { state: 'draining', reason: 'Target.DeregistrationInProgress' }
    this.changed(id, target.health)
  }

  /** Removes the instance and closes its remaining connections. */
  async remove(id: string): Promise<void> {
    const target = this.targets.get(id)
    if (!target) return
    await this.poll()
    this.targets.delete(id)
    this.gone += target.errors
    await this.tell(`set server targets/${id} state maint`)
    await this.tell(`shutdown sessions server targets/${id}`)
    for (let tries = 0; tries < 100; tries++) {
      if (/deleted/i.test(await this.tell(`del server targets/${id}`))) return
      await Bun.sleep(100)
    }
    throw new Error(`haproxy did not remove ${id}`)
  }

  health(id: string): TargetHealth {
    return this.targets.get(id)?.health ?? { state: 'unused', reason: 'Target.NotRegistered' }
  }

  connections(id: string): number {
    return this.targets.get(id)?.connections ?? 0
  }

  private gone = 0

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
    const full = new Map(states.map((row) => [row.srv_name, Number(row.srv_check_health)]))
    for (const row of stats) {
      const target = this.targets.get(row.svname ?? '')
      if (row.pxname !== 'targets' || !target) continue
      target.errors = Number(row.hrsp_5xx)
      target.connections = Number(row.scur) + Number(row.srv_icur)
      await this.judge(row.svname as string, target, row, full.get(row.svname) ?? 0)
    }
    const all = stats.find((row) => row.pxname === 'targets' && row.svname === 'BACKEND')
    this.errors.targets =
      this.gone + [...this.targets.values()].reduce((sum, each) => sum + each.errors, 0)
    this.errors.own = Math.max(this.errors.own, Number(all?.hrsp_5xx ?? 0) - this.errors.targets)
  }

  private async judge(id: string, target: Target, row: Row, counter: number): Promise<void> {
    if (target.state === 'draining') return
    const down = /^DOWN/.test(row.status ?? '') || counter === 0
    if (target.state === 'initial' && counter >= HEALTH_FULL) {
      await this.tell(`set server targets/${id} state ready`)
      target.state = 'serving'
    }
    const settling = Date.now() - target.registeredAt < RULES.interval * RULES.unhealthy * 1000
    const health: TargetHealth = down
      ? target.state === 'initial' && settling
        ? target.health
        : unhealthy(row)
      : target.state === 'serving'
        ? { state: 'healthy' }
        : target.health
    const before = target.health.state
    target.health = health
    if (before !== health.state) this.changed(id, health)
  }

  /** Runs a command of the runtime API; returns its output. */
  private tell(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = ''
      const socket = connect(SOCKET, () => socket.write(`${command}\n`))
      socket.setTimeout(5_000, () =>
        socket.destroy(new Error(`haproxy did not answer '${command}'`)),
      )
      socket.on('data', (data) => {
        answer += data
      })
      socket.on('end', () => resolve(answer))
      socket.on('error', reject)
    })
  }
}

function unhealthy({ check_status = '', check_code = '' }: Row): TargetHealth {
  if (check_status === 'L7STS') {
    return {
      state: 'unhealthy',
      reason: 'Target.ResponseCodeMismatch',
      description: `Health checks failed with these codes: [${check_code}]`,
    }
  }
  const late = /TOUT$/.test(check_status)
  return {
    state: 'unhealthy',
    reason: late ? 'Target.Timeout' : 'Target.FailedHealthChecks',
    description: late ? 'Request timed out' : 'Health checks failed',
  }
}

type Row = Record<string, string | undefined>

/** The rows under a header line that starts with `# `. */
function rows(text: string, separator: string): Row[] {
  const [header = '', ...lines] = text.trim().split('\n')
  const names = header.replace(/^# /, '').split(separator)
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const cells = line.split(separator)
      return Object.fromEntries(names.map((name, index) => [name, cells[index]]))
    })
}
