/** The highest acceptable probability of blaming a release that fails no more often than the previous one. */
const FALSE_ALARM = 0.001

/** The bet assumes that a bad release fails this many times as often as the other. */
const RATIO = 10

/**
 * The new release's share of the requests is measured over the last requests, in windows of these sizes, and the larger
 * share counts: the short window notices a new instance early, the long one is steadier. Too large a share only makes the
 * bet more cautious.
 */
const WINDOWS = [30, 150]

/** Fewer failures than this blame no release, whatever the odds. */
const FEWEST_FAILURES = 5

/** A response to compare the two releases by. */
export interface Response {
  isNew: boolean
  failed: boolean
}

/**
 * Compares the new release with the others over the same minutes, so that a bad hour for both blames neither. Each failure
 * is a bet that failures come from the new release more often than its share of the requests explains. The bets form a
 * test martingale: if both fail equally often, the probability that it ever grows to 1 / FALSE_ALARM is at most
 * FALSE_ALARM, however often it is checked (Ville's inequality; Ramdas et al., "Game-theoretic statistics and safe
 * anytime-valid inference", 2023).
 */
export class Comparison {
  /** Responses and failures of the new release and of the others. */
  readonly counts = { failed: 0, requests: 0, others: 0, othersFailed: 0 }
  private readonly shares = WINDOWS.map((size) => new Share(size))
  private logWealth = 0

  add({ isNew, failed }: Response): void {
    const { counts, shares } = this
    // The share before this response, which must not influence its own odds.
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
  }

  /** Why the new release is to blame for more than `budget` failures; undefined without enough evidence. */
  blame(budget: number): string | undefined {
    const { failed, requests, others, othersFailed } = this.counts
    if (failed <= budget || failed < FEWEST_FAILURES) return undefined
    if (this.logWealth < Math.log(1 / FALSE_ALARM)) return undefined
    return `the new release failed ${failed} of ${requests} probe requests, the previous one ${othersFailed} of ${others} over the same period`
  }
}

/** The share of the new release among the last `size` requests. */
class Share {
  private readonly last: boolean[] = []
  private ofNew = 0

  constructor(private readonly size: number) {}

  get value(): number {
    return this.ofNew / Math.max(1, this.last.length)
  }

  add(isNew: boolean): void {
    this.last.push(isNew)
    if (isNew) this.ofNew++
    if (this.last.length > this.size && this.last.shift()) this.ofNew--
  }
}
