import { choose } from './concentration.ts'

/** How long a release must have run alone, and failed, before it is to blame: longer than a fail-over of the store, in ms. */
const LONG_MS = 60_000

/** It is to blame when it failed this share of the responses of that time, */
const SHARE = 1 / 3

/** at least this many times as often as the others did while they served, */
const RATIO = 3

/** and gave at least this many responses. */
const FEWEST = 20

/** Longer without any response, and the probe itself was asleep, in ms. */
const ASLEEP_MS = 30_000

/**
 * Judges a release that nothing is left to compare with: when the others are gone, it is to blame for a whole minute of
 * failures, as it is for an alarm.
 */
export class LoneRelease {
  private readonly recent: { at: number; failed: boolean }[] = []
  private failures = 0
  private lastOtherAt: number | undefined

  /** `at` in milliseconds since the epoch, never less than the one before; `isNew`: nobody else can have answered. */
  add({ at, isNew, failed }: { at: number; isNew: boolean; failed: boolean }): void {
    const { recent } = this
    const pause = at - (recent.at(-1)?.at ?? at)
    if (pause > ASLEEP_MS && this.lastOtherAt !== undefined) this.lastOtherAt += pause
    if (!isNew || this.lastOtherAt === undefined) this.lastOtherAt = at
    recent.push({ at, failed })
    if (failed) this.failures++
    while (recent[0] && recent[0].at < at - LONG_MS) if (recent.shift()?.failed) this.failures--
  }

  /**
   * Why it is to blame, where the others failed the share `before` of their responses and `budget` failures are accepted;
   * undefined while it need not be.
   */
  blame(before: number, budget: number): string | undefined {
    const { recent, failures, lastOtherAt } = this
    const last = recent.at(-1)
    if (!last || lastOtherAt === undefined || last.at - lastOtherAt < LONG_MS) return undefined
    if (failures <= budget || recent.length < FEWEST) return undefined
    const share = failures / recent.length
    if (share < SHARE || share < RATIO * before) return undefined
    return `the new release, alone for a minute, failed ${failures} of ${recent.length} probe requests in that time`
  }
}

/** What an instance answered in a round. */
interface Answered {
  zone: string
  isNew: boolean
  requests: number
  failed: number
}

/** The highest acceptable probability of blaming a release whose rounds are like those of the previous one. */
const FALSE_ALARM = 0.001

/**
 * Judges, by what users get, a release that nothing is left to compare with. If it is no worse than the previous one, their
 * rounds come in a random order: that the last `n` are all worse than each of `m` before has a chance of one in
 * "m + n choose n". The looks share the probability of a false alarm, the k-th with 1 / k(k + 1) of it. What a store or a
 * client does to any release for a minute, or a zone for as long as it is sick, does not count.
 */
export class LoneTraffic {
  /** Of the previous release. */
  private before = sumOf([])
  private rounds = 0
  private worst = 0
  private looks = 0
  private aloneAt: number | undefined
  private lastAt = 0
  /** The last rounds in a row that were worse. */
  private streak: { at: number; answered: readonly Answered[] }[] = []

  /** What instances answered in the round that ended `at`, in milliseconds since the epoch. */
  add(answered: readonly Answered[], at: number): void {
    const others = answered.filter(({ isNew }) => !isNew)
    if (others.length > 0) {
      this.rounds++
      this.worst = Math.max(this.worst, shareOf(others))
      this.before = sumOf([this.before, ...others])
      this.streak = []
    } else if (answered.length > 0) {
      this.aloneAt ??= at
      if (this.lastAt - this.aloneAt >= LONG_MS) this.looks++
      if (shareOf(answered) > this.worst) this.streak.push({ at, answered })
      else this.streak = []
    }
    this.lastAt = at
  }

  /** Why it is to blame; undefined while it need not be. */
  blame(): string | undefined {
    const { streak, rounds, looks, before } = this
    const [first, last] = [streak[0], streak.at(-2)]
    // Without its first and last round, in which a failure may have begun and ended.
    if (!first || !last || last.at - first.at < LONG_MS) return undefined
    if (choose(rounds + streak.length, rounds) < (looks * (looks + 1)) / FALSE_ALARM)
      return undefined
    const failing = streak.flatMap(({ answered }) => answered)
    const zones = Map.groupBy(failing, ({ zone }) => zone)
    const accepted = RATIO * shareOf([before])
    if (![...zones.values()].every((each) => shareOf(each) > accepted)) return undefined
    const { failed, requests } = sumOf(failing)
    return `the new release, alone, failed ${failed} of ${requests} requests of users in ${streak.length} intervals, the previous one ${before.failed} of ${before.requests}`
  }
}

type Counted = Pick<Answered, 'requests' | 'failed'>

const sumOf = (all: readonly Counted[]): Counted =>
  all.reduce(
    (sum, { requests, failed }) => ({
      requests: sum.requests + requests,
      failed: sum.failed + failed,
    }),
    { requests: 0, failed: 0 },
  )

function shareOf(all: readonly Counted[]): number {
  const { requests, failed } = sumOf(all)
  return failed / Math.max(1, requests)
}
