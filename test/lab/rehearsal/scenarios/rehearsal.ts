import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Pace } from '../../aws-double/clock.ts'
import { type Instance, isServing } from '../../aws-double/model.ts'
import type { Double } from '../../aws-double/server.ts'
import { Balancer } from '../balancer/balancer.ts'
import { Names } from '../balancer/dns.ts'
import { RandomLag } from '../balancer/lag.ts'
import { ALARM_NAMES, AlarmWatch } from '../fleet/alarm-watch.ts'
import { awsEnvironment, imageIds, startCloud } from '../fleet/cloud.ts'
import { Instances } from '../fleet/instances.ts'
import { RedisStore, type Store } from '../fleet/redis-store.ts'
import type { Release, ReleaseName } from '../fleet/releases.ts'
import { ReplicatedStore } from '../fleet/replicated-store.ts'
import { crossCheck } from '../load/cross-check.ts'
import { checkHistory } from '../load/linearizability.ts'
import type { FailedRequest } from '../load/lines.ts'
import { Load } from '../load/process.ts'
import {
  BALANCER,
  BRIDGE,
  NODE_ADDRESSES,
  RUN_FOLDER,
  SPARE_NODE_ADDRESS,
  TEMPLATE,
  URL,
} from '../names.ts'
import type { Result, Rollout } from '../report/result.ts'
import type { Assignment } from './assignment.ts'
import { Deploys, type Interruption } from './deploys.ts'
import { Findings } from './findings.ts'

const FLEET_TIMEOUT_MS = 120_000
const STEP_TIMEOUT_MS = 600_000

export interface Setting {
  pace: Pace
  /** How much shorter than real minutes the alarms' minutes are. */
  alarmPace: number
  /** How late the load balancer's nodes hear of a change at most, in seconds. */
  lag: number
  /** Whether the store has replicas, one of which replaces a primary that dies. */
  replicated?: boolean
  /** How long everything takes between load balancer and instances, in milliseconds each way. */
  delayMs?: number
}

/** What a scenario works with: a fleet in service under load, and actions on it. */
export class Rehearsal {
  readonly store: Store
  readonly names = new Names()
  readonly balancer: Balancer
  readonly instances: Instances
  private readonly findings = new Findings()
  private readonly images: Map<string, Release>
  private readonly token = crypto
    .getRandomValues(new Uint8Array(32))
    .toBase64({ alphabet: 'base64url', omitPadding: true })
  private double!: Double
  private deploys!: Deploys
  private load!: Load
  private alarms!: AlarmWatch

  constructor(
    readonly assignment: Assignment,
    private readonly setting: Setting,
  ) {
    this.store = setting.replicated ? new ReplicatedStore() : new RedisStore()
    this.balancer = new Balancer({
      name: BALANCER,
      names: this.names,
      addresses: NODE_ADDRESSES,
      spare: SPARE_NODE_ADDRESS,
      device: BRIDGE,
      folder: RUN_FOLDER,
      lag: new RandomLag(setting.lag, assignment.seed),
      delayMs: setting.delayMs,
      changed: (id, health) => this.instances.noteHealth(id, health),
    })
    this.images = imageIds(assignment.releases)
    const roots = new Map([...this.images].map(([image, release]) => [image, release.image]))
    this.instances = new Instances(
      this.balancer,
      roots,
      join(assignment.root, 'terraform', 'documents'),
    )
  }

  private get history(): string {
    return join(this.assignment.folder, 'history.jsonl')
  }

  get plane() {
    return this.double.plane
  }

  /** Starts everything, waits for the fleet, then starts the load. */
  async begin(): Promise<void> {
    mkdirSync(this.assignment.folder, { recursive: true })
    await this.store.start()
    await this.names.start()
    await this.balancer.start()
    this.double = await startCloud({
      driver: this.instances,
      images: this.images,
      instances: this.assignment.instances,
      pace: this.setting.pace,
      store: this.store.environment,
      tokenHash: new Bun.CryptoHasher('sha256').update(this.token).digest('hex'),
    })
    const { trusted } = this.balancer
    const environment = awsEnvironment(this.double, this.token, trusted)
    this.deploys = new Deploys(this.assignment, this.plane, environment)
    await this.until(
      `${this.assignment.instances} instances serve`,
      () => this.serving().length === this.assignment.instances && this.balancer.isSettled,
      FLEET_TIMEOUT_MS,
    )
    this.balancer.becomeLate()
    const { rate, clients } = this.assignment
    this.load = new Load(
      { url: URL, token: this.token, rate, clients, history: this.history },
      trusted,
    )
    this.mark('load begins')
    await this.until('the first responses', () => this.load.requests > 0, FLEET_TIMEOUT_MS)
    this.alarms = new AlarmWatch(this.plane, this.balancer, this.setting.alarmPace)
  }

  /** Ends the load, reads everything back and returns the result. */
  async end(): Promise<Result> {
    const endedAt = Date.now()
    this.mark('load ends')
    this.alarms.stop()
    const readBack = await this.load.stop()
    const seconds = this.load.seconds.filter(({ at }) => (at + 1) * 1000 <= endedAt)
    const failed = seconds.flatMap((second) => second.failed)
    const unexpectedFailures = this.findings.expectFailures(failed)
    this.expect(
      'every acknowledged write can be read at the end',
      readBack.lost.length === 0 && readBack.users > 0,
      `${readBack.acknowledged} acknowledged, ${readBack.lost.length} of ${readBack.users} users wrong`,
    )
    await this.expectLinearizable()
    const { scenario, instances, rate, clients, pace, releases } = this.assignment
    return {
      scenario,
      instances,
      rate,
      clients,
      pace,
      startedAt: this.findings.startedAt,
      endedAt,
      releases: Object.fromEntries(releases.map(({ name, id }) => [name, id])),
      releaseOf: Object.fromEntries(
        this.plane.instances.map(({ id, tags }) => [id, tags.release ?? 'unknown']),
      ),
      lives: this.instances.lives,
      rollouts: this.deploys.rollouts,
      marks: this.findings.marks,
      seconds,
      unexpectedFailures,
      readBack,
      expectations: this.findings.expectations,
    }
  }

  private async expectLinearizable(): Promise<void> {
    const found = await checkHistory(this.history)
    if (!found) return
    const { users, operations, violations, undecided } = found
    this.expect(
      "each user's reads and writes are linearizable",
      violations.length + undecided.length === 0 && users > 0,
      `${operations} of ${users} users; ${violations.length} in no order, ${undecided.length} not decided in time`,
    )
  }

  /** Records a moment for the page, and prints it. */
  mark(what: string): void {
    this.findings.mark(what)
  }

  expect(what: string, met: boolean, seen: string): void {
    this.findings.expect(what, met, seen)
  }

  /** Allows failures that a scenario causes on purpose. */
  allow(allows: (failure: FailedRequest) => boolean): void {
    this.findings.allow(allows)
  }

  release(name: ReleaseName): Release {
    const release = this.assignment.releases.find((each) => each.name === name)
    if (!release) throw new Error(`release ${name} was not built`)
    return release
  }

  /** The ID of the release's image. */
  imageOf(name: ReleaseName): string {
    const { id } = this.release(name)
    const [image] = [...this.images].find(([, release]) => release.id === id) ?? []
    if (!image) throw new Error(`release ${name} has no image`)
    return image
  }

  serving(name?: ReleaseName): Instance[] {
    const wanted = name && this.release(name).id
    return this.plane.instances.filter(
      (instance) => isServing(instance) && (!wanted || instance.tags.release === wanted),
    )
  }

  /** How many machines of a release are gone. */
  gone(name: ReleaseName): number {
    const { id } = this.release(name)
    const isGone = (instance: Instance) => instance.lifecycle === 'Terminated'
    return this.plane.instances.filter((each) => each.tags.release === id && isGone(each)).length
  }

  /** Moves the fleet to a release with scripts/rollout and waits for its verdict. */
  async rollOut(
    to: ReleaseName,
    options: string[] = [],
    interruption?: Interruption,
  ): Promise<Rollout> {
    const version = this.assignment.releases.findIndex(({ name }) => name === to) + 1
    const words = [
      'start',
      ...['--launch-template-id', TEMPLATE, '--launch-template-version', String(version)],
      ...['--release', this.release(to).id],
      ...ALARM_NAMES.flatMap((name) => ['--alarm', name]),
      ...options,
    ]
    return await this.rollout(to, words, interruption)
  }

  /** Runs any verb of scripts/rollout. */
  async rollout(to: ReleaseName, words: string[], interruption?: Interruption): Promise<Rollout> {
    this.mark(`rollout ${words[0]} of release ${to}`)
    const { pace } = this.setting
    const rollout = await this.deploys.rollout(this.release(to).id, words, pace, interruption)
    this.mark(`rollout ends: ${rollout.verdict ?? `exit code ${rollout.exitCode}`}`)
    return rollout
  }

  /** Ships a release by scripts/deploy of the clone in this folder. */
  async deploy(to: ReleaseName, clone: string): Promise<Rollout> {
    this.mark(`deploy of release ${to}`)
    const rollout = await this.deploys.deploy(this.release(to).id, clone, this.setting.pace)
    this.mark(`deploy ends: ${rollout.verdict ?? `exit code ${rollout.exitCode}`}`)
    return rollout
  }

  /** Runs a script of this tree, or of a clone in this folder, against the double and returns its exit code. */
  async script(name: string, words: string[], log: string, clone?: string): Promise<number> {
    return await this.deploys.script(name, words, log, clone ? { clone } : {})
  }

  /** Runs scripts/smoke through the load balancer. */
  async smoke(name: ReleaseName): Promise<void> {
    const code = await this.script(
      'smoke',
      [URL, '--expect-release', this.release(name).id],
      'smoke.log',
    )
    this.expect(`scripts/smoke passes on release ${name}`, code === 0, `exit code ${code}`)
  }

  /** Expects the rollout to have exited with `exitCode`, and the whole fleet, of `instances`, to serve `name`. */
  expectRollout(
    rollout: Rollout,
    exitCode: number,
    name: ReleaseName,
    instances = this.assignment.instances,
  ): void {
    const { verdict = 'no verdict' } = rollout
    this.expect(
      `scripts/${rollout.script} exits with ${exitCode}`,
      rollout.exitCode === exitCode,
      `${rollout.exitCode}, ${verdict}`,
    )
    this.expect(
      `the whole fleet serves release ${name}`,
      this.serving(name).length === instances,
      `${this.serving(name).length} of ${instances}`,
    )
  }

  /** Writes at one address and reads at another. Returns what was wrong; undefined without a canary. */
  async crossCheck(writer: string, reader: string): Promise<string[] | undefined> {
    return await crossCheck(writer, reader, this.token)
  }

  /**
   * Starts an alarm minute, so that a failure shorter than a minute falls into one. A failure in two minutes stops a
   * rollout, as it should.
   */
  beginMinute(): void {
    this.alarms.endMinute()
  }

  /** Waits until the running refresh has reached its first checkpoint. */
  async checkpoint(): Promise<void> {
    await this.until(
      'the first checkpoint',
      () => this.plane.running?.checkpointReachedAt !== undefined,
    )
    this.mark('first checkpoint')
  }

  async until(what: string, condition: () => boolean, withinMs = STEP_TIMEOUT_MS): Promise<void> {
    const deadline = Date.now() + withinMs
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`timed out after ${withinMs / 1000} s: ${what}`)
      await Bun.sleep(50)
    }
  }
}
