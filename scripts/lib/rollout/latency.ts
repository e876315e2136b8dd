/** The highest acceptable probability of condemning a release that is no slower than the one before it. */
const FALSE_ALARM = 0.001

/** What may be slower without being noticed: a tenth, and a millisecond, which another zone of the region costs. */
const TOLERANCE = { factor: 1.1, ms: 1 }

/** A new instance compiles its code as it goes: its first answers are slow, whatever the release. */
const WARM_UP = 100

/** The chances that are bet on, of a new answer being slower than an old one: hardly, and clearly. */
const BETS = [0.55, 0.7]

export interface Timing {
  isNew: boolean
  /** Answers are compared with those to the same request alone. */
  request: string
  ms: number
}

/**
 * Compares what the new release takes with what the others take for the same request in the same minutes. Each answer of
 * the new one is paired with the last one of the others, once: between equals either is the slower as often, whatever the
 * hour. The bet that the new one is the slower more often is a test martingale, as in comparison.ts.
 */
export class LatencyComparison {
  private readonly lastOther = new Map<string, number>()
  private readonly wealth = BETS.map(() => 1)
  private warmUp = WARM_UP
  private slower = 0
  private pairs = 0

  add({ isNew, request, ms }: Timing): void {
    if (!isNew) {
      this.lastOther.set(request, ms)
      return
    }
    const other = this.lastOther.get(request)
    if (this.warmUp-- > 0 || other === undefined) return
    this.lastOther.delete(request)
    const isSlower = ms > other * TOLERANCE.factor && ms > other + TOLERANCE.ms
    this.pairs++
    if (isSlower) this.slower++
    for (const [index, chance] of BETS.entries()) {
      this.wealth[index] = (this.wealth[index] ?? 1) * (isSlower ? chance : 1 - chance) * 2
    }
  }

  /** Why the new release is to blame; undefined while it need not be. */
  blame(): string | undefined {
    const mean = this.wealth.reduce((sum, each) => sum + each, 0) / BETS.length
    if (mean < 1 / FALSE_ALARM) return undefined
    return `the new release was slower than the one before, by more than a tenth, in ${this.slower} of ${this.pairs} pairs of answers from the same time`
  }
}
