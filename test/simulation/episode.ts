import { FleetWatch } from '../../scripts/lib/aws/fleet.ts'
import { EXIT, Stop } from '../../scripts/lib/errors.ts'
import type { Receipt } from '../../scripts/lib/rollout/receipt.ts'
import { rollback } from '../../scripts/lib/rollout/rollback.ts'
import type { Context } from '../../scripts/lib/rollout/run.ts'
import type { Settings } from '../../scripts/lib/rollout/settings.ts'
import { cancel, start, watch } from '../../scripts/lib/rollout/verbs.ts'
import { service } from '../../scripts/lib/service.ts'
import { wallClock } from '../aws-double/clock.ts'
import { ControlPlane } from '../aws-double/control-plane.ts'
import { ApiError } from '../aws-double/errors.ts'
import { type Behaviour, FakeFleet } from '../aws-double/fake-fleet.ts'
import { inProcessAws } from './in-process-aws.ts'
import { type Operator, type Script, scriptOf } from './script.ts'
import { randomOf, VirtualTime } from './virtual-time.ts'

const GROUP = `${service.name}-production`
const TEMPLATE = 'lt-0123456789abcdef0'
const MINUTE_MS = 60_000
/** An operator gives up after this long, whatever happens; so does the episode. */
const LIMIT_MS = 6 * 60 * MINUTE_MS

export const releaseOf = (version: number): string => String(version).repeat(40).slice(0, 40)
const imageOf = (version: number): string => `ami-${String(version).repeat(17).slice(0, 17)}`
const versionOf = (release: string | undefined): number => Number(release?.[0])

/** What was wrong with what happened, in a sentence each. */
export interface Verdict {
  seed: number
  script: Script
  problems: string[]
  trace: string[]
}

/** Plays a script from its seed to its end and judges it. */
export async function play(seed: number, script = scriptOf(randomOf(seed))): Promise<Verdict> {
  const behaviours = new Map<string, Behaviour>()
  const fleet = new FakeFleet(
    (image) => behaviours.get(image) ?? {},
    { intervalMs: 5_000, healthyThreshold: 2, unhealthyThreshold: 3 },
    false,
  )
  using time = new VirtualTime(randomOf(seed + 1), (request) => fleet.forward(request))
  const episode = new Episode(script, time, fleet, behaviours)
  await episode.play()
  return { seed, script, problems: episode.problems, trace: episode.trace }
}

class Episode {
  readonly problems: string[] = []
  /** What was done, for a person who looks at one episode. */
  readonly trace: string[] = []
  private readonly plane: ControlPlane
  private readonly rolledBack = new Set<number>()
  private faultsEnd: number
  /** Refreshes that were there when it was last looked, by id. */
  private readonly known = new Set<string>()
  /** Versions that an operator asks for although they were rolled back. */
  private retried = new Set<number>()
  private undoesFirst = false

  constructor(
    private readonly script: Script,
    private readonly time: VirtualTime,
    private readonly fleet: FakeFleet,
    behaviours: Map<string, Behaviour>,
  ) {
    this.faultsEnd = time.now + script.faultMinutes * MINUTE_MS
    const tags = { service: service.name, environment: 'production' }
    const versions = script.releases.map((_, index) => index + 1)
    this.plane = new ControlPlane({
      group: {
        name: GROUP,
        templateId: TEMPLATE,
        // Version 1 is older than what runs: nobody has a reason to go there.
        version: 2,
        minSize: 0,
        maxSize: 20,
        desired: script.instances,
        zones: ['a', 'b'],
        targetGroupArn: 'arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/g/0',
        loadBalancerDns: 'fleet.test',
        listenerPort: 80,
        graceSeconds: 120,
        warmupSeconds: 60,
        deregistrationSeconds: 30,
        minHealthyPercentage: 100,
        maxHealthyPercentage: 200,
        tags,
        suspended: new Set(),
      },
      template: {
        id: TEMPLATE,
        name: GROUP,
        versions: versions.map((version) => ({
          imageId: imageOf(version),
          userData: '',
          tags: { ...tags, release: releaseOf(version) },
          description: '',
          createdAt: time.now,
        })),
      },
      images: versions.map((version) => ({
        id: imageOf(version),
        name: String(version),
        architecture: 'arm64',
        createdAt: time.now,
        tags: { ...tags, release: releaseOf(version) },
      })),
      alarms: [{ name: 'errors', state: 'OK', reason: '' }],
      clock: wallClock(),
      driver: fleet,
      tickMs: 5_000,
    })
    this.plane.refreshLagMs = script.lagSeconds * 1000
    for (const version of versions) {
      const quality = script.releases[version - 1]
      const behaviour: Behaviour = { bootMs: script.bootSeconds * 1000 }
      if (quality === 'never healthy') behaviour.healthStatus = 503
      if (quality === 'broken') behaviour.canaryStatus = 500
      if (quality === 'no launch') behaviour.launchFails = 'no capacity'
      behaviours.set(imageOf(version), behaviour)
    }
  }

  async play(): Promise<void> {
    const { time, plane, script } = this
    plane.start()
    await time.until(this.untilServing(), LIMIT_MS)
    const alarms = setInterval(() => this.look(), 5_000)
    if (script.dies) time.after(script.dies * MINUTE_MS, () => this.killOne())
    const all = script.operators.map((operator) => this.operate(operator))
    if (!(await time.until(Promise.all(all), LIMIT_MS))) {
      this.problems.push('an operator never came to an end')
    }
    await this.end()
    clearInterval(alarms)
    void plane.stop()
  }

  /** When nothing fails any more, one rollback is all that it takes to be rid of a bad release. */
  private async end(): Promise<void> {
    const { time, plane } = this
    this.faultsEnd = 0
    const quiet = async () => {
      while (plane.running) await Bun.sleep(10_000)
    }
    if (!(await time.until(quiet(), LIMIT_MS))) this.problems.push('a refresh never came to an end')
    if (
      this.inService().some((version) => this.isBad(version)) ||
      this.isBad(plane.group.version)
    ) {
      const done = this.operate({ verb: 'rollback', afterSeconds: 0, version: 0 })
      if (!(await time.until(done, LIMIT_MS))) this.problems.push('the last rollback never ended')
      await time.until(quiet(), LIMIT_MS)
      const left = this.inService().filter((version) => this.isBad(version))
      if (left.length > 0 || this.isBad(plane.group.version)) {
        this.problems.push(
          `one rollback at the end does not reach a good release: ${left} in service, ${plane.group.version} saved`,
        )
      }
    }
    this.look()
    if (this.undoesFirst) return
    if (this.inService().includes(1))
      this.problems.push('somebody went back beyond what ran before')
    const marked = plane.group.tags['rolled-back-release']?.split(' ') ?? []
    for (const version of marked.map(versionOf)) {
      if (version <= 2) this.problems.push(`the good release of version ${version} is marked`)
    }
  }

  private async operate(operator: Operator): Promise<void> {
    const { verb, afterSeconds, interruptedAfterSeconds, killedAfterSeconds, version } = operator
    await Bun.sleep(afterSeconds * 1000)
    const interruption = new AbortController()
    let killed = false
    if (interruptedAfterSeconds) {
      setTimeout(() => interruption.abort(), interruptedAfterSeconds * 1000)
    }
    const dead = Promise.withResolvers<void>()
    if (killedAfterSeconds) {
      setTimeout(() => {
        killed = true
        dead.resolve()
      }, killedAfterSeconds * 1000)
    }
    let receipt: Receipt | undefined
    const settings = this.settings(operator)
    const aws = inProcessAws(this.plane, async (action, call) => {
      // A killed process sends nothing any more, and hears nothing.
      if (killed) return await new Promise(() => {})
      return await this.withFaults(action, () => {
        if (!action.startsWith('Describe')) this.note(`${verb}: ${action}`)
        // Without a newer release there is nothing to undo but the one that runs: that is what was asked for.
        if (action === 'StartInstanceRefresh' && verb === 'rollback') {
          this.undoesFirst ||= this.plane.refreshes.length === 0
        }
        return call()
      })
    })
    const context: Context = {
      aws,
      settings,
      watch: new FleetWatch(aws, GROUP),
      progress: { update() {}, note() {}, end() {} },
      retryPolicy: {
        pollMs: settings.pollSeconds * 1000,
        patienceMs: settings.patienceSeconds * 1000,
        signal: interruption.signal,
        note() {},
      },
      collectEvidence: () => ({
        folder: 'none',
        consider() {},
        conclude: async () => '',
        async discard() {},
      }),
      deliver: async (given) => {
        receipt = given
      },
    }
    if (verb === 'start' && settings.retry) this.retried.add(version)
    const ended = VERBS[verb](context).catch((error: Error) => {
      if (error instanceof Stop) return error.exitCode
      return isOfAws(error) ? EXIT.refused : Promise.reject(error)
    })
    const code = await Promise.race([ended, dead.promise]).catch((error: Error) => {
      this.problems.push(`${verb} broke off: ${error.stack}`)
    })
    this.note(
      `${verb} ends with ${killed ? 'death' : code}: ${receipt?.verdict} ${receipt?.reason}`,
    )
    if (code !== undefined && !killed) this.judge(operator, code, receipt)
  }

  private judge({ verb, version }: Operator, code: number, receipt: Receipt | undefined): void {
    const mayLackReceipt: number[] = [EXIT.refused, EXIT.interrupted, EXIT.usage]
    if (!receipt && verb !== 'cancel' && !mayLackReceipt.includes(code)) {
      this.problems.push(`${verb} ended with ${code} and no receipt`)
    }
    if (verb === 'start' && receipt?.verdict === 'shipped') {
      const others = this.inService().filter((each) => each !== version)
      if (others.length > 0 && !this.plane.running && !this.script.dies) {
        this.problems.push(`shipped version ${version} with ${others} in service`)
      }
      if (this.script.releases[version - 1] !== 'good' && receipt.probe) {
        this.problems.push(
          `shipped version ${version}, which is ${this.script.releases[version - 1]}`,
        )
      }
    }
  }

  private note(what: string): void {
    const { plane, time } = this
    const seconds = Math.round((time.now - Date.UTC(2026, 0, 1)) / 1000)
    const [newest] = plane.refreshes
    const refresh = newest ? `, refresh to ${newest.desiredVersion} ${newest.status}` : ''
    this.trace.push(
      `${seconds} s  ${what} (saved ${plane.group.version}, in service ${this.inService()}${refresh})`,
    )
  }

  /** What must hold at every moment. */
  private look(): void {
    const { plane } = this
    for (const refresh of plane.refreshes) {
      const { desiredVersion: to = 0, status, id } = refresh
      if (!this.known.has(id)) {
        this.known.add(id)
        if (this.rolledBack.has(to) && !this.retried.has(to)) {
          this.problems.push(`version ${to} came back after it was rolled back`)
        }
        // A refresh to an older version leaves the saved one behind.
        if (to < plane.group.version) this.rolledBack.add(plane.group.version)
      }
      if (status.startsWith('Rollback')) this.rolledBack.add(to)
    }
    const ringing = this.inService().some(
      (version) => this.script.releases[version - 1] === 'broken',
    )
    if (this.script.alarms) plane.setAlarm('errors', ringing ? 'ALARM' : 'OK')
    const serving = plane.instances.filter(
      ({ lifecycle, target }) => lifecycle === 'InService' && target.state === 'healthy',
    ).length
    if (serving < plane.group.desired && !this.script.dies) {
      this.problems.push(`${serving} of ${plane.group.desired} serve`)
    }
  }

  private async withFaults(
    action: string,
    call: () => Record<string, unknown>,
  ): Promise<Record<string, unknown>> {
    const { script, time } = this
    await Bun.sleep(20)
    if (time.now >= this.faultsEnd || Math.random() >= script.faultRate) return asSdk(call)
    const kind = Math.random()
    if (kind < 0.4) throw fault('ThrottlingException', 400)
    if (kind < 0.6) throw fault('ServiceUnavailable', 503)
    if (kind < 0.8) {
      // It was done, and the answer is lost: the SDK sends it again, and meets what it did.
      const answer = asSdk(call)
      if (/^(Describe|CreateOrUpdate|Delete)/.test(action)) return answer
      const again = Object.assign(fault('InstanceRefreshInProgress', 400), {
        $metadata: { attempts: 2, httpStatusCode: 400 },
      })
      if (action === 'StartInstanceRefresh') throw again
      throw fault('ActiveInstanceRefreshNotFound', 400)
    }
    if (kind < 0.97) {
      await Bun.sleep(script.delaySeconds * 1000)
      return asSdk(call)
    }
    throw fault('ExpiredToken', 403)
  }

  private settings({ version, retry, verb }: Operator): Settings {
    return {
      group: GROUP,
      url: verb === 'start' ? this.fleet.url : undefined,
      launchTemplateId: TEMPLATE,
      launchTemplateVersion: version,
      release: verb === 'start' ? releaseOf(version) : undefined,
      alarms: ['errors'],
      ignoreAlarms: false,
      retry: retry === true,
      further: false,
      skipRolledBack: false,
      checkpoints: undefined,
      checkpointDelaySeconds: 120,
      bakeSeconds: undefined,
      stallSeconds: 600,
      timeoutSeconds: 3600,
      pollSeconds: 15,
      patienceSeconds: 300,
      rate: 0.5,
      token: undefined,
      failureBudget: 0,
      beforeSeconds: 10,
      afterSeconds: 15,
      observeSeconds: 120,
      noProbe: false,
      json: true,
      receipt: undefined,
      evidence: undefined,
    }
  }

  private inService(): number[] {
    return this.plane.instances
      .filter(({ lifecycle }) => lifecycle === 'InService')
      .map(({ version }) => version)
  }

  private isBad(version: number): boolean {
    return this.script.releases[version - 1] !== 'good'
  }

  private killOne(): void {
    const serving = this.plane.instances.filter(({ lifecycle }) => lifecycle === 'InService')
    const one = serving[Math.floor(Math.random() * serving.length)]
    if (one) this.fleet.kill(one.id)
  }

  private async untilServing(): Promise<void> {
    const { plane } = this
    const healthy = (): number =>
      plane.instances.filter(({ target }) => target.state === 'healthy').length
    while (healthy() < plane.group.desired) await Bun.sleep(5_000)
  }
}

const VERBS = { start, watch, rollback, cancel }

/** As the SDK throws what AWS refuses. */
function asSdk(call: () => Record<string, unknown>): Record<string, unknown> {
  try {
    return call()
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    throw fault(error.code, error.status, error.message)
  }
}

const fault = (name: string, httpStatusCode: number, message = name): Error =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode } })

const isOfAws = (error: object): boolean => '$metadata' in error
