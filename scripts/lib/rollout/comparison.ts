/** The highest acceptable probability of condemning a release that fails no more often than the one before it. */
const FALSE_ALARM = 0.001

/** The bet is made against a release that fails this many times as often as the other. */
const RATIO = 10

/**
 * The new release's share of the requests is taken over each of these many last ones, and the larger share counts: the
 * short window notices a new instance early, the long one is steadier. Too large a share only makes the bet more careful.
 */
const WINDOWS = [30, 150]

/** Fewer failures condemn nothing, whatever the odds. */
const FEWEST_FAILURES = 5

/**
 * With nothing else in the last `after` responses a release runs alone. It is condemned when it failed a third of the last
 * `of`, and that is `ratio` times as often as the others did while they were there.
 */
const ALONE = { after: 100, of: 30, failed: 10, ratio: 3 }

/** A response that the two releases are compared by. */
export interface Response {
  isNew: boolean
  failed: boolean
}

/**
 * Compares the new release with the others in the same minutes, so that a slow hour of both condemns neither. Of every
 * failure it is asked whether it came from the new release more often than its share of the requests says. The bet on
 * that is a test martingale: if both fail alike, it ever grows to 1 / FALSE_ALARM with a probability of FALSE_ALARM at
 * most, however often it is looked at (Ville's inequality; Ramdas et al., "Game-theoretic statistics and safe anytime-
 * valid inference", 2023). A release that runs alone already is judged by what it does in a short window, as an alarm does.
 */
export class Comparison {
  /** Failures of the new release, and how often it and the others answered. */
  readonly counts = { failed: 0, requests: 0, others: 0, othersFailed: 0 }
  private readonly shares = WINDOWS.map((size) => new Share(size))
  private logWealth = 0
  private readonly last: Response[] = []

  add({ isNew, failed }: Response): void {
    const { counts, shares } = this
    // The share before this response: it must not have a part in its own odds.
    const share = Math.max(...shares.map(({ value }) => value))
    if (failed && share > 0 && share < 1) {
      const guess = (RATIO * share) / (RATIO * share + 1 - share)
      this.logWealth += Math.log(isNew ? guess / share : (1 - guess) / (1 - share))
    }
    if (isNew) {
      counts.requests++
      if (failed) counts.failed++
    } else {
      counts.others++
      if (failed) counts.othersFailed++
    }
    for (const each of shares) each.add(isNew)
    this.last.push({ isNew, failed })
    if (this.last.length > ALONE.after) this.last.shift()
  }

  /** Why the new release is to blame, with more failures than `budget`; undefined while it need not be. */
  blame(budget: number): string | undefined {
    const { failed, requests, others, othersFailed } = this.counts
    if (failed <= budget || failed < FEWEST_FAILURES) return undefined
    if (this.failsAlone()) {
      return `the new release failed ${failed} requests of the probe, at least ${ALONE.failed} of the last ${ALONE.of}`
    }
    if (this.logWealth < Math.log(1 / FALSE_ALARM)) return undefined
    return `the new release failed ${failed} of ${requests} requests of the probe, the one before ${othersFailed} of ${others} in the same time`
  }

  private failsAlone(): boolean {
    const { last, counts } = this
    if (last.length < ALONE.after || last.some(({ isNew }) => !isNew)) return false
    const failed = last.slice(-ALONE.of).filter((each) => each.failed).length
    const before = counts.othersFailed / Math.max(1, counts.others)
    return failed >= ALONE.failed && failed / ALONE.of >= ALONE.ratio * before
  }
}

/** The share of the new release among the last `size` requests. */
class Share {
  private readonly last: boolean[] = []
  private news = 0

  constructor(private readonly size: number) {}

  get value(): number {
    return this.news / Math.max(1, this.last.length)
  }

  add(isNew: boolean): void {
    this.last.push(isNew)
    if (isNew) this.news++
    if (this.last.length > this.size && this.last.shift()) this.news--
  }
}
