import { priceOf } from '../support/prices.ts'

const INSTANCE = 't4g.small'

/**
 * What the price of an instance includes, in seconds of CPU for each of its seconds: it has two CPUs and earns credits
 * for a fifth of each.
 */
const CPU_SHARE = 2 * 0.2

/**
 * How many requests a dollar buys on a t4g.small by CPU alone, at `cpuMicros` each. A CPU second of this machine stands
 * for one of Graviton's.
 */
export function requestsPerDollar(cpuMicros: number): number {
  const secondsPerDollar = 3600 / priceOf(INSTANCE)
  return (secondsPerDollar * CPU_SHARE) / (cpuMicros / 1e6)
}
