import type { Aws } from '../aws/clients.ts'
import { classifyError, explain } from '../aws/errors.ts'
import { pause } from '../aws/retry.ts'
import { NOT_ASKED, runOnEach } from '../aws/ssm.ts'
import { type Fleet, inService, isHealthy, type Member } from '../fleet/fleet.ts'
import { readCounters } from './counters.ts'
import { type Reading, sampled, Traffic } from './traffic.ts'

/** Rounds without an answer before it is said that there is none: a new fleet's agents may still be starting. */
const SILENT_ROUNDS = 3

export interface TrafficOptions {
  group: string
  /** The launch template version being rolled out. */
  templateVersion: number | undefined
  /** Between two readings. */
  everyMs: number
  /** Between two looks for an answer. */
  pollMs: number
  /** What the probe has sent of what instances count, and how much of that has ended. */
  canaryRequests: { sent: number; ended: number }
}

/**
 * Reads over SSM, time and again, what instances of both releases have answered, and compares. What fails is told in
 * `problem`, and costs only what would have been seen.
 */
export class TrafficWatch {
  readonly comparison = new Traffic()
  /** Why users' traffic is not seen; undefined while it is. */
  problem: string | undefined = 'it has not been read twice yet'
  private members: Member[] = []
  private readonly stopped = new AbortController()
  private readonly compared = Promise.withResolvers<void>()
  private silentRounds = 0

  constructor(
    private readonly aws: Aws,
    private readonly options: TrafficOptions,
  ) {}

  start(): void {
    void this.run()
  }

  /** Asks nobody any more. */
  stop(): void {
    this.stopped.abort()
    this.compared.resolve()
  }

  /** Requests per second that users send to so many instances, once these were read twice; undefined if that fails. */
  async usersPerSecond(instances: number): Promise<number | undefined> {
    await this.compared.promise
    return this.comparison.usersPerSecond(instances)
  }

  /** Whom to ask from now on. */
  consider(fleet: Fleet): void {
    this.members = sample(inService(fleet).filter(isHealthy), this.options.templateVersion)
  }

  private async run(): Promise<void> {
    const { signal } = this.stopped
    while (!signal.aborted) {
      const began = Date.now()
      await this.read(began).catch((error) => this.fail(error))
      await pause(Math.max(0, this.options.everyMs - (Date.now() - began)), signal)
    }
  }

  private async read(at: number): Promise<void> {
    const { members } = this
    if (members.length === 0) return
    const { group, templateVersion, everyMs, pollMs, canaryRequests } = this.options
    const least = canaryRequests.ended
    const outcomes = await runOnEach(
      this.aws,
      members.map(({ id }) => id),
      {
        group,
        verb: 'traffic',
        comment: 'rollout: what users get from each release',
        pollMs,
        timeoutMs: everyMs,
      },
    )
    const readings = outcomes.flatMap(({ id, stdout }): Reading[] => {
      const counters = readCounters(stdout)
      const member = members.find((each) => each.id === id)
      if (!counters || !member) return []
      return [
        { id, zone: member.zone, isNew: member.templateVersion === templateVersion, counters },
      ]
    })
    if (readings.length > 0) {
      this.comparison.add(readings, at, { least, most: canaryRequests.sent })
      this.silentRounds = 0
      if (this.comparison.usersPerSecond(1) !== undefined) {
        this.problem = undefined
        this.compared.resolve()
      }
      return
    }
    this.compared.resolve()
    if (++this.silentRounds >= SILENT_ROUNDS) {
      const [first] = outcomes
      this.problem = `no instance told its traffic over SSM (${first?.status}${first?.status === NOT_ASKED ? `: ${first.stderr}` : ''})`
    }
  }

  private fail(error: unknown): void {
    this.problem = explain(error)
    this.compared.resolve()
    const isFinal = classifyError(error) === 'denied' || (error as Error).name === 'InvalidDocument'
    if (isFinal) this.stop()
  }
}

/** Those whose counters are read: if there are more than one command takes, half of each release, of all zones, the oldest. */
export function sample(members: Member[], templateVersion: number | undefined): Member[] {
  const [fresh, others] = [true, false].map((isNew) =>
    byZones(members.filter((member) => (member.templateVersion === templateVersion) === isNew)),
  ) as [Member[], Member[]]
  return [
    ...fresh.slice(0, sampled(fresh.length, others.length)),
    ...others.slice(0, sampled(others.length, fresh.length)),
  ]
}

/** The oldest of each zone, then the second of each, and so on. */
function byZones(members: Member[]): Member[] {
  const taken = new Map<string, number>()
  return members
    .toSorted((a, b) => (a.launchedAt?.getTime() ?? 0) - (b.launchedAt?.getTime() ?? 0))
    .map((member) => {
      const place = taken.get(member.zone) ?? 0
      taken.set(member.zone, place + 1)
      return { member, place }
    })
    .sort((a, b) => a.place - b.place)
    .map(({ member }) => member)
}
