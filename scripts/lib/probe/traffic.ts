import { LoneTraffic } from './alone.ts'
import { Concentration, type Spot } from './concentration.ts'
import { type Counters, since, type Tally } from './counters.ts'

/** The highest acceptable probability of blaming a release that is as good as the previous one: half for each test. */
const FALSE_ALARM = 0.001
export const ENOUGH = 2 / FALSE_ALARM

/** Less than this blames no release, whatever the odds. */
export const FEWEST = { failures: 5, rounds: 3 }

/** Odds at which a zone may be sick by itself: what is new there is not held against the release. */
const SUSPECT = 4

/** Between two readings, in seconds. */
export const ROUND_SECONDS = 10

/** Instances that are read: as many as one command takes. Of a large fleet, these speak for all. */
const MOST_INSTANCES = 50

/** How many are read of a release that has `count` instances, while the other has `others`: half of what can be, or more. */
export const sampled = (count: number, others: number): number =>
  Math.min(count, MOST_INSTANCES - Math.min(MOST_INSTANCES / 2, others))

/** A new instance compiles its code at run time: the latency of its first intervals says nothing. */
const WARM_UP_INTERVALS = 4

/**
 * A bound of the histogram that at most this share of the previous release's requests exceed, and that is no less than
 * SHORTEST_SECONDS. More of the new one's have to exceed the next bound, which is at least twice as long, since another
 * zone, or a colder cache, can cost less than that.
 */
const SLOW_SHARE = 0.1
const SHORTEST_SECONDS = 0.005

/** More by this share of the requests: the slowest few say little. */
const MARGIN = 0.01

/** Requests of the rollout itself that instances count like those of users: when a reading began at least, when it ended at most. */
export interface Own {
  least: number
  most: number
}

const NONE: Own = { least: 0, most: 0 }

/** An instance whose counters were read. */
export interface Reading {
  id: string
  zone: string
  isNew: boolean
  counters: Counters
}

/** What an instance answered from one reading to the next. */
interface Interval extends Tally {
  zone: string
  isNew: boolean
  /** How many intervals of the instance were seen before. */
  age: number
}

/**
 * Compares what users got from the new release with what they got from the others in the same intervals. Failures and slow
 * requests come in bursts, from one client or one cause: however many there are, an interval of an instance is one
 * observation, bad when its share is above that of all together. Between equals, the bad ones are on new instances as often
 * as if they had been drawn by lot; that is what is tested (see Concentration).
 */
export class Traffic {
  /** What the new release answered so far, and the others. */
  readonly ofNew = new Sum()
  readonly ofOthers = new Sum()
  private readonly last = new Map<string, { counters: Counters; at: number; age: number }>()
  private readonly failures = new Concentration()
  private readonly slowness = new Concentration()
  private readonly zones = new Map<string, Concentration>()
  private readonly alone = new LoneTraffic()
  /** Seconds that instances were observed for, together. */
  private instanceSeconds = 0
  private first: { at: number; own: Own } | undefined
  private ownPerSecond = 0
  private failedRounds = 0
  private slowRounds = 0

  /** The counters of instances, read at about the time `at`, in milliseconds since the epoch. */
  add(readings: readonly Reading[], at: number, own = NONE): void {
    this.first ??= { at, own }
    const seconds = (at - this.first.at) / 1000
    if (seconds > 0) this.ownPerSecond = (own.most - this.first.own.least) / seconds
    const intervals = readings.flatMap((reading) => this.intervalOf(reading, at) ?? [])
    for (const each of intervals) (each.isNew ? this.ofNew : this.ofOthers).add(each)
    this.alone.add(intervals, at)
    this.compareZones(intervals.filter(({ isNew }) => !isNew))
    const fair = intervals.filter(({ isNew, zone }) => !isNew || !this.isSuspect(zone))
    const failing = spots(fair, ({ failed, requests }) => failed / requests)
    this.failures.add(failing)
    if (failing.some(isBadAndNew)) this.failedRounds++
    this.compareLatency(fair)
  }

  figures(): TrafficFigures {
    return { ofNew: this.ofNew.answered(), ofOthers: this.ofOthers.answered() }
  }

  /** Why the new release is to blame; undefined without enough evidence. */
  blame(): string | undefined {
    const { ofNew, ofOthers, failures, slowness, failedRounds, slowRounds } = this
    const isSure = failures.odds >= ENOUGH && failedRounds >= FEWEST.rounds
    if (isSure && ofNew.failed >= FEWEST.failures)
      return `the new release failed ${ofNew.failed} of ${ofNew.requests} requests of users, the previous one ${ofOthers.failed} of ${ofOthers.requests}`
    if (slowness.odds >= ENOUGH && slowRounds >= FEWEST.rounds)
      return `the new release was at least twice as slow for users as the previous one in ${slowRounds} intervals (p95 ${milliseconds(ofNew)}, the previous one ${milliseconds(ofOthers)})`
    return this.alone.blame()
  }

  /** Requests per second that users sent to so many instances, at least and on average; undefined before the second reading. */
  usersPerSecond(instances: number): number | undefined {
    const { ofNew, ofOthers, instanceSeconds, ownPerSecond } = this
    if (instanceSeconds === 0) return undefined
    const perInstance = (ofNew.requests + ofOthers.requests) / instanceSeconds
    return Math.max(0, perInstance * instances - ownPerSecond)
  }

  private intervalOf(reading: Reading, at: number): Interval | undefined {
    const { id, zone, isNew, counters } = reading
    const before = this.last.get(id)
    const age = (before?.age ?? -1) + 1
    this.last.set(id, { counters, at, age })
    if (!before) return undefined
    this.instanceSeconds += (at - before.at) / 1000
    const tally = since(before.counters, counters)
    return tally.requests > 0 ? { ...tally, zone, isNew, age } : undefined
  }

  /** Whether one zone fails more than others is asked of the previous release only. */
  private compareZones(others: Interval[]): void {
    for (const zone of new Set(others.map((each) => each.zone))) {
      const test = this.zones.get(zone) ?? new Concentration()
      this.zones.set(zone, test)
      test.add(
        spots(others, ({ failed, requests }) => failed / requests).map((spot, index) => ({
          ...spot,
          isMarked: others[index]?.zone === zone,
        })),
      )
    }
  }

  private isSuspect(zone: string): boolean {
    return (this.zones.get(zone)?.odds ?? 1) >= SUSPECT
  }

  private compareLatency(intervals: Interval[]): void {
    const warm = intervals.filter(({ isNew, age }) => !isNew || age > WARM_UP_INTERVALS)
    const others = new Sum()
    for (const each of warm) if (!each.isNew) others.add(each)
    const bounds = others.bounds
    const at = bounds.findIndex(
      (bound) => bound >= SHORTEST_SECONDS && others.shareAbove(bound) <= SLOW_SHARE,
    )
    const [bound, next] = [bounds[at], bounds[at + 1]]
    if (bound === undefined || next === undefined) return
    const slow = spots(warm, (each) =>
      each.isNew ? shareAbove(each, next) - MARGIN : shareAbove(each, bound),
    )
    this.slowness.add(slow)
    if (slow.some(isBadAndNew)) this.slowRounds++
  }
}

/** What instances answered, all of them together; milliseconds, null if nothing. */
export interface Answered {
  requests: number
  failed: number
  p50: number | null
  p99: number | null
}

export interface TrafficFigures {
  ofNew: Answered
  ofOthers: Answered
}

/** What instances answered together. */
export class Sum implements Tally {
  requests = 0
  failed = 0
  readonly within = new Map<number, number>()

  add({ requests, failed, within }: Tally): void {
    this.requests += requests
    this.failed += failed
    for (const [bound, count] of within)
      this.within.set(bound, (this.within.get(bound) ?? 0) + count)
  }

  answered(): Answered {
    const { requests, failed } = this
    return { requests, failed, p50: this.percentile(50), p99: this.percentile(99) }
  }

  get bounds(): number[] {
    return [...this.within.keys()].sort((a, b) => a - b)
  }

  shareAbove(bound: number): number {
    return shareAbove(this, bound)
  }

  /** The percentile in milliseconds, interpolated within a bucket; the largest bound if it is above; null if empty. */
  percentile(percent: number): number | null {
    const rank = (percent / 100) * this.requests
    let [lower, below] = [0, 0]
    for (const bound of this.bounds) {
      const upTo = this.within.get(bound) ?? 0
      if (upTo >= rank && upTo > below)
        return 1000 * (lower + ((bound - lower) * (rank - below)) / (upTo - below))
      ;[lower, below] = [bound, upTo]
    }
    return this.requests > 0 ? 1000 * lower : null
  }
}

const shareAbove = ({ requests, within }: Tally, bound: number): number =>
  1 - (within.get(bound) ?? requests) / requests

/** Each interval, bad where `badness` is above the mean, weighed by requests for a share. */
function spots(intervals: Interval[], badness: (interval: Interval) => number): Spot[] {
  const sumOf = (what: (interval: Interval) => number): number =>
    intervals.reduce((sum, each) => sum + what(each), 0)
  const mean = sumOf((each) => badness(each) * each.requests) / sumOf(({ requests }) => requests)
  return intervals.map((each) => ({ isMarked: each.isNew, isBad: badness(each) > mean + 1e-12 }))
}

const isBadAndNew = ({ isMarked, isBad }: Spot): boolean => isMarked && isBad

const milliseconds = (sum: Sum): string => `${sum.percentile(95)?.toFixed(0) ?? '-'} ms`
