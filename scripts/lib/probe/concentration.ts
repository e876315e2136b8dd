/** The bets assume that a marked spot is bad at these odds, where an unmarked one is at even odds. */
export const ODDS = [3, 30]

/** An observation of something that may be marked and may be bad. */
export interface Spot {
  isMarked: boolean
  isBad: boolean
}

/**
 * Tests whether what is bad is found among the marked more often than chance puts it there: given how many spots of a round
 * are bad, any of them are as likely, whatever made them bad. Each round is a bet (see `payoff`), and the bets form a test
 * martingale: by chance, the probability that `odds` ever reaches n is at most 1 / n, however often it is looked at
 * (Ville's inequality; Ramdas et al., "Game-theoretic statistics and safe anytime-valid inference", 2023).
 */
export class Concentration {
  private readonly wealth = ODDS.map(() => 1)

  /** The spots of one round. */
  add(spots: readonly Spot[]): void {
    const marked = spots.filter(({ isMarked }) => isMarked)
    const bad = spots.filter(({ isBad }) => isBad).length
    const badAndMarked = marked.filter(({ isBad }) => isBad).length
    for (const [index, odds] of ODDS.entries())
      this.wealth[index] =
        (this.wealth[index] ?? 1) * payoff(odds, spots.length, marked.length, bad, badAndMarked)
  }

  /** The evidence that it is not chance: n is n to one. */
  get odds(): number {
    return this.wealth.reduce((sum, each) => sum + each, 0) / ODDS.length
  }
}

/**
 * What a bet pays for each unit staked: how much likelier `badAndMarked` is at `odds` than by chance, where `bad` of `all`
 * are bad and `marked` are marked. By chance that is the hypergeometric distribution, at odds Fisher's noncentral one.
 */
export function payoff(
  odds: number,
  all: number,
  marked: number,
  bad: number,
  badAndMarked: number,
): number {
  let sum = 0
  for (let each = 0; each <= bad; each++)
    sum += choose(marked, each) * choose(all - marked, bad - each) * odds ** each
  return (odds ** badAndMarked * choose(all, bad)) / sum
}

/** How many ways there are to choose `few` of `all`: none to choose more than there are. */
export function choose(all: number, few: number): number {
  let ways = 1
  for (let each = 1; each <= few; each++) ways *= (all - few + each) / each
  return ways
}
