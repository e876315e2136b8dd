import { choose, ODDS, payoff } from './concentration.ts'
import { ENOUGH, FEWEST, sampled } from './traffic.ts'

/** A rollout, as far as it decides what users' traffic shows. */
export interface Course {
  instances: number
  /** How many are replaced before the first pause. */
  first: number
  /** Users' requests per second, to all instances. */
  perSecond: number
  warmupSeconds: number
  checkpointSeconds: number
  /** Between two readings. */
  roundSeconds: number
}

/** When a fault would be seen, from the moment at which the release serves, and how many requests it costs until then. */
export interface Sighting {
  seconds: number
  harmed: number
}

/**
 * What the comparison would see of a release that fails `share` of its requests, where the previous one fails none:
 * the median, within two readings. Undefined: nothing while both serve, which is left to the alarms.
 */
export function forecast(course: Course, share: number): Sighting | undefined {
  const { instances, first, perSecond, warmupSeconds, checkpointSeconds, roundSeconds } = course
  const stages = [
    { fresh: first, old: instances, seconds: warmupSeconds },
    { fresh: first, old: instances - first, seconds: checkpointSeconds },
    { fresh: instances, old: instances - first, seconds: warmupSeconds },
  ]
  const strongest = Math.max(...ODDS)
  const needed = Math.log(ENOUGH * ODDS.length)
  let [evidence, badRounds, failures, harmed, seconds] = [0, 0, 0, 0, 0]
  for (const stage of stages) {
    const serving = stage.fresh + stage.old
    const requests = (perSecond * roundSeconds) / serving
    const isBad = 1 - Math.exp(-share * requests)
    const fresh = sampled(stage.fresh, stage.old)
    const all = fresh + sampled(stage.old, stage.fresh)
    let [gain, noneBad] = [0, 1]
    for (let bad = 0; bad <= fresh; bad++) {
      const chance = choose(fresh, bad) * isBad ** bad * (1 - isBad) ** (fresh - bad)
      if (bad === 0) noneBad = chance
      gain += chance * Math.log(payoff(strongest, all, fresh, bad, bad))
    }
    for (let round = 1; round <= stage.seconds / roundSeconds; round++) {
      seconds += roundSeconds
      harmed += share * perSecond * roundSeconds * (stage.fresh / serving)
      // The first reading of an instance is what the next is compared with.
      if (seconds === roundSeconds) continue
      evidence += gain
      badRounds += 1 - noneBad
      failures += share * requests * fresh
      if (evidence >= needed && badRounds > FEWEST.rounds - 0.5 && failures >= FEWEST.failures)
        return { seconds, harmed }
    }
  }
  return undefined
}
