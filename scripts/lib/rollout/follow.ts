import type { Aws } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { type Fleet, type FleetWatch, isHealthy, isRunning, present } from '../aws/fleet.ts'
import { markRolledBack, rollBackRefresh } from '../aws/refresh.ts'
import { pause, type RetryPolicy, withRetry } from '../aws/retry.ts'
import type { Evidence } from './evidence.ts'
import type { Probe } from './probe.ts'
import type { Progress } from './progress.ts'
import type { Ending } from './verdict.ts'

export interface FollowOptions {
  aws: Aws
  watch: FleetWatch
  /** Where the fleet is to go. */
  version: number | undefined
  release: string | undefined
  /** Undefined follows the instances to health, without a refresh. */
  refreshId: string | undefined
  startedAt: Date
  timeoutMs: number
  stallMs: number
  /** False for a rollback that was asked for: it has nowhere to go back to, and marks nothing. */
  guarded: boolean
  probe: Probe | undefined
  progress: Progress
  evidence: Evidence
  retryPolicy: RetryPolicy
}

/** Follows a refresh to its end. Undefined when interrupted; the refresh goes on. */
export async function follow(options: FollowOptions): Promise<Ending | undefined> {
  const { retryPolicy, progress, startedAt } = options
  const deadline = startedAt.getTime() + options.timeoutMs
  const stall = new Stall(options)
  let marked = false
  for (;;) {
    const fleet = await withRetry(() => options.watch.snapshot(options.refreshId), retryPolicy)
    if (!fleet) return undefined
    const figures = options.probe?.figures()
    progress.update({
      startedAt,
      fleet,
      release: options.release,
      version: options.version,
      figures,
    })
    expectReleases(options, fleet)
    const status = options.refreshId ? (fleet.refresh?.Status ?? 'Pending') : undefined
    gather(options, fleet, status)

    if (options.guarded && status?.startsWith('Rollback') && !marked && options.release) {
      marked = true
      await attempt(
        () => markRolledBack(options.aws, fleet.name, options.release ?? ''),
        `release ${options.release} is marked on the group as rolled back`,
        progress,
      )
    }
    if (status !== undefined && !isRunning(status)) {
      return { status, reason: reasonOf(fleet) }
    }
    if (status === undefined && settled(fleet, options.version)) {
      return { status: 'Successful', reason: '' }
    }
    if (Date.now() > deadline) {
      const seconds = Math.round(options.timeoutMs / 1000)
      return {
        status: 'timed out',
        reason: `not at its end after ${seconds} s; it goes on without being followed`,
      }
    }
    const stalled = stall.check(fleet, status)
    if (stalled && status === undefined) return { status: 'Failed', reason: stalled }
    if (stalled && options.guarded) {
      progress.note(`${stalled}: rolling back`)
      await attempt(
        () => rollBackRefresh(options.aws, fleet.name),
        'asked AWS to roll back',
        progress,
      )
    }
    await pause(retryPolicy.pollMs, retryPolicy.signal)
  }
}

/** What is not worth losing sight of the refresh for: a failure is told, and following goes on. */
async function attempt(step: () => Promise<void>, done: string, progress: Progress): Promise<void> {
  await step().then(
    () => progress.note(done),
    (error) => progress.note(`not done: ${done}. ${explain(error)}`),
  )
}

/** Whether everything that should run does, on `version`, without a refresh. */
function settled(fleet: Fleet, version: number | undefined): boolean {
  const members = present(fleet)
  const right = members.filter((member) => member.version === version)
  const up = right.filter((member) => member.lifecycle === 'InService' && isHealthy(member))
  return up.length === members.length && up.length >= fleet.desired
}

function expectReleases({ probe, release }: FollowOptions, fleet: Fleet): void {
  if (!probe) return
  const releases = fleet.members.map((member) => member.release)
  const known = releases.every((each) => each !== undefined) && release !== undefined
  // Also those of instances that went since the last snapshot: they may have answered in between.
  probe.expected = known
    ? (probe.expected ?? new Set()).union(new Set([...releases, release]))
    : undefined
}

function gather(
  { evidence, version, guarded }: FollowOptions,
  fleet: Fleet,
  status: string | undefined,
): void {
  if (version === undefined || !guarded) return
  const over = /^(Rollback|Failed|Cancel)/.test(status ?? '')
  evidence.consider(fleet, version, over && !/Successful$/.test(status ?? ''))
}

function reasonOf({ refresh }: Fleet): string {
  return refresh?.RollbackDetails?.RollbackReason ?? refresh?.StatusReason ?? ''
}

/** Notices when new instances fail to become healthy for too long: AWS itself gives them an hour. */
class Stall {
  private readonly version: number | undefined
  private readonly limitMs: number
  private best = 0
  private since = Date.now()
  private told = false

  constructor({ version, stallMs }: FollowOptions) {
    this.version = version
    this.limitMs = stallMs
  }

  /** What is wrong, in words, once; undefined while there is progress or nothing to wait for. */
  check(fleet: Fleet, status: string | undefined): string | undefined {
    const fresh = present(fleet).filter((member) => member.version === this.version)
    const healthy = fresh.filter(isHealthy).length
    const waits = status === undefined || status === 'InProgress' || status === 'Pending'
    const struggles = fresh.length === 0 || healthy < fresh.length
    if (healthy > this.best || !waits || !struggles) {
      this.best = Math.max(this.best, healthy)
      this.since = Date.now()
      return undefined
    }
    if (this.told || Date.now() - this.since < this.limitMs) return undefined
    this.told = true
    return `no new instance became healthy for ${Math.round(this.limitMs / 1000)} s`
  }
}
