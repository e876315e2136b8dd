import { FleetWatch } from '../../scripts/lib/aws/fleet.ts'
import { EXIT, Stop } from '../../scripts/lib/errors.ts'
import type { Receipt } from '../../scripts/lib/rollout/receipt.ts'
import { rollback } from '../../scripts/lib/rollout/rollback.ts'
import type { Context } from '../../scripts/lib/rollout/run.ts'
import { cancel, start, watch } from '../../scripts/lib/rollout/verbs.ts'
import type { ControlPlane } from '../aws-double/control-plane.ts'
import { type Behaviour, FakeFleet } from '../aws-double/fake-fleet.ts'
import { randomOf } from '../support/random.ts'
import { isOfAws, withFaults } from './faults.ts'
import { GROUP, groupOf, settingsOf, versionOf } from './group.ts'
import { inProcessAws } from './in-process-aws.ts'
import { type Operator, type Script, scriptOf } from './script.ts'
import { VirtualTime } from './virtual-time.ts'

const MINUTE_MS = 60_000
/** An operator gives up after this long, whatever happens; so does the episode. */
const LIMIT_MS = 6 * 60 * MINUTE_MS

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
  /** Refreshes, by id, that were sent for before their version was rolled back. */
  private readonly excused = new Set<string>()
  /** Versions that an operator asks for although they were rolled back. */
  private retried = new Set<number>()
  private undoesFirst = false
  /** Whether somebody started an older version: that is a way back, and undoing it wants --further. */
  private shipsOlder = false

  constructor(
    private readonly script: Script,
    private readonly time: VirtualTime,
    private readonly fleet: FakeFleet,
    behaviours: Map<string, Behaviour>,
  ) {
    this.faultsEnd = time.now + script.faultMinutes * MINUTE_MS
    this.plane = groupOf(script, fleet, behaviours, time.now)
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
      const further = this.shipsOlder
      const done = this.operate({ verb: 'rollback', afterSeconds: 0, version: 0, further })
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
    const { script, time } = this
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
    const settings = settingsOf(operator, this.fleet.url)
    const aws = inProcessAws(this.plane, async (action, call) => {
      // A killed process sends nothing any more, and hears nothing.
      if (killed) return await new Promise(() => {})
      // What counts is when it was sent: AWS cannot be told to start only if nothing changed since.
      const isFirst = this.plane.refreshes.length === 0
      const isInnocent = !this.rolledBack.has(version)
      return await withFaults(
        script,
        () => time.now >= this.faultsEnd,
        action,
        () => {
          if (!action.startsWith('Describe')) this.note(`${verb}: ${action}`)
          if (action !== 'StartInstanceRefresh') return call()
          const answer = call()
          // Without a newer release there is nothing to undo but the one that runs: that is what was asked for.
          if (verb === 'rollback') this.undoesFirst ||= isFirst
          if (verb === 'start') this.shipsOlder ||= version < this.plane.group.version
          if (verb === 'start' && isInnocent) this.excused.add(String(answer.InstanceRefreshId))
          return answer
        },
      )
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
        if (this.rolledBack.has(to) && !this.retried.has(to) && !this.excused.has(id)) {
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
