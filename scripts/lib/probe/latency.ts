/** The highest acceptable probability of blaming a release that is no slower than the previous one. */
const FALSE_ALARM = 0.001

/** Slowdowns up to these are ignored: a tenth, and a millisecond. */
const TOLERANCE = { factor: 1.1, ms: 1 }

/** Between availability zones also what it costs to be in another one than the store, a few times a request. */
const TOLERANCE_ACROSS_ZONES = { factor: 1.5, ms: 5 }

/** A new instance compiles its code at run time: its first responses are slow, whatever the release. */
const WARM_UP = 100

/** The bets on the probability that a new response is slower than an old one: a slight slowdown, and a clear one. */
const BETS = [0.55, 0.7]

export interface Timing {
  isNew: boolean
  /** Only responses to the same request are compared. */
  request: string
  ms: number
  /** Whether the new release serves in every zone where the others do. */
  isSpread: boolean
}

/**
 * Compares the latency of the new release with that of the others for the same request in the same minutes. Each response
 * of the new one is paired with the last one of the others, once: between equals each is slower equally often, whatever
 * the load. The bet that the new one is slower more often is a test martingale, as in failures.ts.
 */
export class LatencyComparison {
  private readonly lastOther = new Map<string, number>()
  private readonly wealth = BETS.map(() => 1)
  private answers = 0
  private instances = 1
  private warmUp = WARM_UP
  private slower = 0
  private pairs = 0

  /** How many new instances serve: each that comes has to warm up first. */
  set newInstances(count: number) {
    if (count <= this.instances) return
    this.instances = count
    this.warmUp = this.answers + WARM_UP * count
  }

  add({ isNew, request, ms, isSpread }: Timing): void {
    if (!isNew) {
      this.lastOther.set(request, ms)
      return
    }
    const other = this.lastOther.get(request)
    if (++this.answers <= this.warmUp || other === undefined) return
    this.lastOther.delete(request)
    const tolerance = isSpread ? TOLERANCE : TOLERANCE_ACROSS_ZONES
    const isSlower = ms > other * tolerance.factor && ms > other + tolerance.ms
    this.pairs++
    if (isSlower) this.slower++
    for (const [index, chance] of BETS.entries()) {
      this.wealth[index] = (this.wealth[index] ?? 1) * (isSlower ? chance : 1 - chance) * 2
    }
  }

  /** Why the new release is to blame; undefined without enough evidence. */
  blame(): string | undefined {
    const mean = this.wealth.reduce((sum, each) => sum + each, 0) / BETS.length
    if (mean < 1 / FALSE_ALARM) return undefined
    return `the new release was more than a tenth slower than the previous one in ${this.slower} of ${this.pairs} pairs of responses from the same time`
  }
}
