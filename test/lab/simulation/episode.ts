import { pause } from '../../../scripts/lib/aws/retry.ts'
import { EXIT, Stop } from '../../../scripts/lib/cli/errors.ts'
import { FleetWatch } from '../../../scripts/lib/fleet/fleet.ts'
import { freezeOf } from '../../../scripts/lib/fleet/freeze.ts'
import type { HookRun, Receipt, Stage } from '../../../scripts/lib/receipt/receipt.ts'
import { writeReceipt } from '../../../scripts/lib/receipt/write.ts'
import { randomOf } from '../../../scripts/lib/release/compat/random.ts'
import { cancel } from '../../../scripts/lib/rollout/cancel.ts'
import type { Context } from '../../../scripts/lib/rollout/context.ts'
import { rollback } from '../../../scripts/lib/rollout/rollback.ts'
import { start } from '../../../scripts/lib/rollout/start.ts'
import { watch } from '../../../scripts/lib/rollout/watch.ts'
import { accountOf } from '../aws-double/account.ts'
import type { ControlPlane } from '../aws-double/control-plane.ts'
import { type Behaviour, FakeFleet } from '../aws-double/fake-fleet.ts'
import { isOfAws, OutageSwitch, withFaults } from './faults.ts'
import { GROUP, groupOf, HOOK_SECONDS, settingsOf } from './group.ts'
import { inProcessAws } from './in-process-aws.ts'
import { Promises } from './promises.ts'
import { type Disturbance, type Operator, type Script, scriptOf } from './script.ts'
import { VirtualTime } from './virtual-time.ts'

const MINUTE_MS = 60_000
/** An operator gives up after this long, whatever happens, and so does the episode. */
const LIMIT_MS = 6 * 60 * MINUTE_MS

/** What went wrong in an episode, a sentence each. */
export interface Verdict {
  seed: number
  script: Script
  problems: string[]
  trace: string[]
}

/** Plays a script from its seed to its end and judges it. */
export async function play(seed: number, script = scriptOf(randomOf(seed))): Promise<Verdict> {
  const behaviours = new Map<number, Behaviour>()
  const fleet = new FakeFleet(
    (_, version) => behaviours.get(version) ?? {},
    { intervalMs: 5_000, healthyThreshold: 2, unhealthyThreshold: 3 },
    false,
  )
  fleet.usersPerSecond = script.usersPerSecond
  using time = new VirtualTime(randomOf(seed + 1), (request) => fleet.forward(request))
  const episode = new Episode(script, time, fleet, behaviours)
  await episode.play()
  return { seed, script, problems: episode.promises.broken, trace: episode.trace }
}

class Episode {
  readonly promises: Promises
  /** What was done, for a person looking at one episode. */
  readonly trace: string[] = []
  private readonly plane: ControlPlane
  private readonly outage: OutageSwitch
  private faultsEnd: number

  constructor(
    private readonly script: Script,
    private readonly time: VirtualTime,
    private readonly fleet: FakeFleet,
    behaviours: Map<number, Behaviour>,
  ) {
    this.faultsEnd = time.now + script.faultMinutes * MINUTE_MS
    this.plane = groupOf(script, fleet, behaviours, time.now)
    this.promises = new Promises(script, this.plane)
    this.outage = new OutageSwitch(script.outage, () => time.now)
  }

  async play(): Promise<void> {
    const { time, plane, script, promises } = this
    plane.start()
    await time.until(this.untilServing(), LIMIT_MS)
    const looking = setInterval(() => this.look(), 5_000)
    this.freeze()
    const disturbed = script.disturbances.map((disturbance) => this.disturb(disturbance))
    const operated = script.operators.map((operator) => this.operate(operator))
    if (!(await time.until(Promise.all([...operated, ...disturbed]), LIMIT_MS))) {
      promises.broken.push('an operator never finished')
    }
    await this.end()
    clearInterval(looking)
    void plane.stop()
  }

  /** While deploys are frozen, a parameter says so. */
  private freeze(): void {
    const { freeze } = this.script
    if (!freeze) return
    const { values } = accountOf(this.plane)
    const until = new Date(this.time.now + freeze.to * 1000).toISOString()
    setTimeout(() => {
      this.promises.freezes(this.time.now, Date.parse(until))
      values.set(freezeOf(GROUP), JSON.stringify({ reason: 'Christmas', until }))
    }, freeze.from * 1000)
  }

  /** A hook takes seconds, or hangs until it is killed. */
  private async runHook(operator: Operator, stage: Stage, signal: AbortSignal): Promise<HookRun> {
    const began = this.time.now
    this.promises.hookBegins(operator, stage)
    const quality = this.script.hooks[stage]
    await pause(quality === 'hangs' ? HOOK_SECONDS * 1000 : 5_000, signal)
    const problem = signal.aborted ? 'was stopped' : quality === 'well' ? undefined : quality
    this.note(`hook ${stage} ${problem ?? 'ended well'}`)
    const ran = { stage, problem, seconds: (this.time.now - began) / 1000, output: '' }
    this.promises.hookEnded(operator, ran)
    return ran
  }

  /** Once nothing fails any more, a single rollback is enough to get rid of a bad release. */
  private async end(): Promise<void> {
    const { time, plane, promises } = this
    this.faultsEnd = 0
    plane.cancelMs = 0
    this.outage.end()
    const quiet = async () => {
      while (plane.running) await Bun.sleep(10_000)
    }
    if (!(await time.until(quiet(), LIMIT_MS))) {
      promises.broken.push('a refresh never finished')
    }
    if (promises.isBad()) {
      const further = promises.shipsOlder
      const done = this.operate({ verb: 'rollback', afterSeconds: 0, version: 0, further })
      if (!(await time.until(done, LIMIT_MS)))
        promises.broken.push('the last rollback never finished')
      await time.until(quiet(), LIMIT_MS)
      // The previous release may be a bad one that was shipped without anybody noticing.
      const second = { verb: 'rollback', afterSeconds: 0, version: 0, further: true } as const
      if (promises.isBad() && promises.hasShippedBad())
        await time.until(this.operate(second), LIMIT_MS)
      if (promises.isBad()) {
        promises.broken.push(
          `one rollback at the end did not reach a good release: ${promises.inService()} in service, ${plane.group.version} saved`,
        )
      }
    }
    promises.atTheEnd()
  }

  private async operate(operator: Operator): Promise<void> {
    const { verb, afterSeconds, interruptedAfterSeconds, killedAfterSeconds, version, sleeps } =
      operator
    const { time, promises } = this
    await Bun.sleep(afterSeconds * 1000)
    const began = time.now
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
    const computer = { asleepUntil: 0 }
    if (sleeps) {
      setTimeout(() => {
        computer.asleepUntil = time.now + sleeps.forSeconds * 1000
      }, sleeps.afterSeconds * 1000)
    }
    let receipt: Receipt | undefined
    const context = this.contextOf(operator, {
      isKilled: () => killed,
      signal: interruption.signal,
      deliver: (given) => {
        receipt = given
        writeReceipt(context.settings, given, NO_TERMINAL)
      },
    })
    if (verb === 'start' && operator.retry) promises.retries(version)
    promises.begins(operator, began)
    const ended = time
      .on(computer, () => VERBS[verb](context))
      .catch((error: Error) => {
        if (error instanceof Stop) return error.exitCode
        return isOfAws(error) ? EXIT.refused : Promise.reject(error)
      })
    const code = await Promise.race([ended, dead.promise]).catch((error: Error) => {
      promises.broken.push(`${verb} threw: ${error.stack}`)
    })
    this.note(
      `${verb} ended with ${killed ? 'a kill' : code}: ${receipt?.verdict} ${receipt?.reason}`,
    )
    if (code === undefined || killed) return
    promises.ended({ operator, code, receipt, seconds: (time.now - began) / 1000 })
  }

  private contextOf(
    operator: Operator,
    process: { isKilled(): boolean; signal: AbortSignal; deliver(given: Receipt): void },
  ): Context {
    const { time, promises, script } = this
    const settings = settingsOf(operator, script, this.fleet.url)
    const aws = inProcessAws(this.plane, async (action, call) => {
      // A killed process no longer sends or receives anything.
      if (process.isKilled()) return await new Promise(() => {})
      const sent = promises.sending(operator)
      const isQuiet = (): boolean => time.now >= this.faultsEnd
      const carriedOut = () => {
        if (!action.startsWith('Describe')) this.note(`${operator.verb}: ${action}`)
        const answer = call()
        if (action === 'RollbackInstanceRefresh') promises.look()
        if (/^(Rollback|Cancel)InstanceRefresh/.test(action)) promises.acted(operator)
        if (action === 'StartInstanceRefresh') {
          promises.started(operator, sent, String(answer.InstanceRefreshId))
        }
        return answer
      }
      return await this.outage.pass(action, () => withFaults(script, isQuiet, action, carriedOut))
    })
    return {
      aws,
      settings,
      watch: new FleetWatch(aws, GROUP),
      progress: { update() {}, note() {}, end() {} },
      retryPolicy: {
        pollMs: settings.pollSeconds * 1000,
        patienceMs: settings.patienceSeconds * 1000,
        signal: process.signal,
        note() {},
      },
      deadline: time.now + settings.timeoutSeconds * 1000,
      collectEvidence: () => ({
        folder: 'none',
        consider() {},
        conclude: async () => '',
        async discard() {},
      }),
      runHook: (stage, _, signal) => this.runHook(operator, stage, signal),
      recordedUrl: async () => undefined,
      deliver: process.deliver,
    }
  }

  private async disturb({
    kind,
    afterSeconds,
    forSeconds,
    desired,
    process,
  }: Disturbance): Promise<void> {
    const { plane, fleet, promises } = this
    const { group, machines } = plane
    await Bun.sleep(afterSeconds * 1000)
    const named = forSeconds % 2 === 0 ? group.version : undefined
    this.note(kind)
    const serving = plane.instances.filter(({ lifecycle }) => lifecycle === 'InService')
    const one = serving[Math.floor(Math.random() * serving.length)]
    switch (kind) {
      case 'die':
        if (one) fleet.kill(one.id)
        return
      case 'scale':
        group.desired = desired
        return
      case 'standby':
        if (!one || group.desired < 2) return
        group.desired--
        machines.standby(one, true)
        await Bun.sleep(forSeconds * 1000)
        group.desired++
        machines.standby(one, false)
        return
      case 'recycle':
        if (!plane.running) promises.recycles(plane.startRefresh(named, RECYCLE).id)
        return
      case 'suspend':
        group.suspended.add(process)
        await Bun.sleep(forSeconds * 1000)
        group.suspended.delete(process)
    }
  }

  private note(what: string): void {
    const { plane, time } = this
    const seconds = Math.round((time.now - Date.UTC(2026, 0, 1)) / 1000)
    const [newest] = plane.refreshes
    const refresh = newest ? `, refresh to ${newest.desiredVersion} ${newest.status}` : ''
    this.trace.push(
      `${seconds} s  ${what} (saved ${plane.group.version}, in service ${this.promises.inService()}${refresh})`,
    )
  }

  private look(): void {
    const { script, plane, promises } = this
    promises.look()
    const ringing = promises
      .inService()
      .some((version) => script.releases[version - 1]?.startsWith('broken'))
    if (script.alarms) plane.setAlarm('errors', ringing ? 'ALARM' : 'OK')
  }

  private async untilServing(): Promise<void> {
    const { plane } = this
    const healthy = (): number =>
      plane.instances.filter(({ target }) => target.state === 'healthy').length
    while (healthy() < plane.group.desired) await Bun.sleep(5_000)
  }
}

const NO_TERMINAL = {
  stdout: { write: () => true, isTTY: false },
  stderr: { write: () => true, isTTY: false },
}

/** How somebody replaces instances by others of their own version. */
const RECYCLE = {
  minHealthyPercentage: 100,
  maxHealthyPercentage: 200,
  instanceWarmup: 60,
  checkpointPercentages: [],
  checkpointDelay: 0,
  bakeTime: 0,
  skipMatching: false,
  autoRollback: false,
  alarms: [],
}

const VERBS = { start, watch, rollback, cancel }
