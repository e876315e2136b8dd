import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Pace } from '../aws-double/clock.ts'
import { type Instance, isServing } from '../aws-double/model.ts'
import type { Double } from '../aws-double/server.ts'
import type { Assignment } from './assignment.ts'
import { Balancer } from './balancer/balancer.ts'
import { Names } from './balancer/dns.ts'
import { RandomLag } from './balancer/lag.ts'
import { Deploys, type Interruption } from './deploys.ts'
import { ALARM_NAMES, AlarmWatch } from './fleet/alarm-watch.ts'
import { awsEnvironment, imageIds, type Settings, startCloud } from './fleet/cloud.ts'
import { Instances } from './fleet/instances.ts'
import type { Release, ReleaseName } from './fleet/releases.ts'
import { keepSecrets, SECRET_SETTINGS } from './fleet/secrets.ts'
import { ClusterStore, RedisStore, type Store } from './fleet/store.ts'
import { checkHistory } from './load/linearizability.ts'
import type { FailedRequest, Second } from './load/lines.ts'
import { Load } from './load/process.ts'
import { BALANCER, BRIDGE, here, NODE_ADDRESSES, TEMPLATE, URL } from './names.ts'
import type { Expectation, Mark, Result, Rollout } from './report/result.ts'

/** How late the load balancer's nodes hear of a change where that is not the point, in seconds. */
const USUAL_LAG = 5
/**
 * 40 s of the 60: the bake time still outlasts the deregistration of the last old instance, as on AWS. What that answers
 * over open connections is no failure.
 */
const BAKE_PACE = 1.5

/** What is not as usual in a scenario. */
export interface Setting {
  /** Settings of the service in which a release differs from the others. */
  settings?(assignment: Assignment): Settings
  /** Waits that are not as much shorter as usual, where `pace` is how much that is. */
  pace?(pace: number): Pace
  /** Whether alarms count real minutes, for a failure that falls into one of them and is to be tolerated. */
  realMinutes?: boolean
  /** Whether the load balancer hears of changes as late as --lag says. */
  late?: boolean
  /** Whether the store is a cluster, as in production, and not one Redis. */
  cluster?: boolean
  /** Whether the service reads its secrets from the Parameter Store, and logs in to its store. */
  secrets?: boolean
}

/** What a scenario works with: a fleet in service under load, and actions on it. */
export class Rehearsal {
  /** The store, unless it is a cluster. */
  readonly redis = new RedisStore()
  readonly store: Store
  private readonly names = new Names()
  readonly balancer: Balancer
  readonly instances: Instances
  /** What it does, or waits for, at the moment. */
  doing = 'start'
  private readonly startedAt = Date.now()
  private readonly marks: Mark[] = []
  private readonly expectations: Expectation[] = []
  private readonly allowed: ((failure: FailedRequest) => boolean)[] = []
  private readonly pace: Pace
  private readonly images: Map<string, Release>
  /** With which clients may write. */
  readonly token = crypto
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
    const { pace } = assignment
    this.store = setting.cluster ? new ClusterStore() : this.redis
    this.pace = {
      ...{ warmup: pace, checkpoint: 2 * pace, stall: pace, 'launch-retry': pace },
      bake: Math.min(pace, BAKE_PACE),
      ...setting.pace?.(pace),
    }
    this.balancer = new Balancer({
      name: BALANCER,
      names: this.names,
      addresses: NODE_ADDRESSES,
      device: BRIDGE,
      folder: here.folder,
      lag: new RandomLag(setting.late ? assignment.lag : USUAL_LAG, assignment.seed),
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
    const tokenHash = new Bun.CryptoHasher('sha256').update(this.token).digest('hex')
    const { secrets = false } = this.setting
    this.double = await startCloud({
      driver: this.instances,
      images: this.images,
      instances: this.assignment.instances,
      pace: this.pace,
      store: { ...this.store.environment, ...(secrets && SECRET_SETTINGS) },
      settings: this.setting.settings?.(this.assignment) ?? {},
      tokenHash,
    })
    // Before an instance has booted.
    if (secrets) await keepSecrets(this.plane, this.redis, `write:${tokenHash}:load`)
    const { trusted } = this.balancer
    const environment = awsEnvironment(this.double, this.token, trusted)
    this.deploys = new Deploys(this.assignment, this.plane, environment)
    await this.until(
      `${this.assignment.instances} instances serve`,
      () => this.serving().length === this.assignment.instances && this.balancer.isSettled,
    )
    this.balancer.becomeLate()
    const { rate, clients } = this.assignment
    this.load = new Load(
      { url: URL, token: this.token, rate, clients, history: this.history },
      trusted,
    )
    this.mark('load begins')
    await this.until('the first response has come', () => this.load.requests > 0)
    this.alarms = new AlarmWatch(
      this.plane,
      this.balancer,
      this.setting.realMinutes ? 1 : this.assignment.pace,
    )
  }

  /** Ends the load, reads everything back and returns the result. */
  async end(): Promise<Result> {
    const endedAt = Date.now()
    this.mark('load ends')
    this.alarms.stop()
    const readBack = await this.load.stop()
    const seconds = this.load.seconds.filter(({ at }) => (at + 1) * 1000 <= endedAt)
    const failed = seconds.flatMap((second) => second.failed)
    const unexpectedFailures = this.expectAllowed(failed)
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
      startedAt: this.startedAt,
      endedAt,
      releases: Object.fromEntries(releases.map(({ name, id }) => [name, id])),
      releaseOf: Object.fromEntries(
        this.plane.instances.map(({ id, tags }) => [id, tags.release ?? 'unknown']),
      ),
      lives: this.instances.lives,
      rollouts: this.deploys.rollouts,
      marks: this.marks,
      seconds,
      unexpectedFailures,
      readBack,
      expectations: this.expectations,
    }
  }

  /** What the clients have reported so far, second by second. */
  get seconds(): readonly Second[] {
    return this.load.seconds
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
    this.doing = what
    this.marks.push({ at: Date.now(), what })
    const seconds = ((Date.now() - this.startedAt) / 1000).toFixed(1)
    console.error(`${this.assignment.scenario.padEnd(16)}${seconds.padStart(6)} s  ${what}`)
  }

  expect(what: string, met: boolean, seen: string): void {
    this.expectations.push({ what, met, seen })
  }

  /** Allows failures that a scenario causes on purpose. */
  allow(allows: (failure: FailedRequest) => boolean): void {
    this.allowed.push(allows)
  }

  /** Expects every failure to be one that was allowed. Returns those that were not. */
  private expectAllowed(failed: FailedRequest[]): FailedRequest[] {
    const unexpected = failed.filter((failure) => !this.allowed.some((allows) => allows(failure)))
    const classes = Object.entries(Object.groupBy(unexpected, ({ what }) => what))
    const [first] = unexpected
    this.expect(
      'no request fails unexpectedly',
      first === undefined,
      first
        ? `${classes.map(([what, all]) => `${all.length} ${what}`).join(', ')}; first: ${first.method} ${first.detail}`
        : `${failed.length} failed, all expected`,
    )
    return unexpected
  }

  release(name: ReleaseName): Release {
    const release = this.assignment.releases.find((each) => each.name === name)
    if (!release) throw new Error(`release ${name} was not built`)
    return release
  }

  /** The ID of the release's image. */
  imageOf(name: ReleaseName): string {
    const [image] = [...this.images].find(([, release]) => release.name === name) ?? []
    if (!image) throw new Error(`release ${name} has no image`)
    return image
  }

  serving(name?: ReleaseName): Instance[] {
    const wanted = name && this.imageOf(name)
    return this.plane.instances.filter(
      (instance) => isServing(instance) && (!wanted || instance.imageId === wanted),
    )
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
    const rollout = await this.deploys.rollout(this.release(to).id, words, this.pace, interruption)
    this.mark(`rollout ends: ${rollout.verdict ?? `exit code ${rollout.exitCode}`}`)
    return rollout
  }

  /** Ships a release by scripts/deploy of the clone in this folder. */
  async deploy(to: ReleaseName, clone: string): Promise<Rollout> {
    this.mark(`deploy of release ${to}`)
    const rollout = await this.deploys.deploy(this.release(to).id, clone, this.pace)
    this.mark(`deploy ends: ${rollout.verdict ?? `exit code ${rollout.exitCode}`}`)
    return rollout
  }

  /** Runs a script of this tree, or of a clone in this folder, against the double and returns its exit code. */
  async script(name: string, words: string[], log: string, clone?: string): Promise<number> {
    return await this.deploys.script(name, words, log, clone ? { clone } : {})
  }

  /** Expects the rollout to have exited with `exitCode`, and the whole fleet to serve `name`. */
  expectRollout(rollout: Rollout, exitCode: number, name: ReleaseName): void {
    const { instances } = this.assignment
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
      'it reaches the first checkpoint',
      () => this.plane.running?.checkpointReachedAt !== undefined,
    )
    this.mark('first checkpoint')
  }

  /** Waits as long as the scenario may take. */
  async until(what: string, condition: () => boolean): Promise<void> {
    this.doing = `waits until ${what}`
    while (!condition()) await Bun.sleep(50)
  }
}
