import { median } from '../../../scripts/lib/probe/statistics.ts'
import type { Contender } from './contenders.ts'
import { type Latency, measureLatency, SHARES, saveUsers } from './fixed-rate.ts'
import type { ContenderName } from './options.ts'
import { residentBytes } from './processor-time.ts'
import { READ } from './requests.ts'
import { type Sample, warmUpSeconds } from './rounds.ts'
import { type Server, startServer } from './server.ts'
import type { Setup } from './setup.ts'
import { load, METHODS } from './wrk.ts'

/** How often latencies are measured: a spell of a shared machine triples a p99. */
export const LATENCY_ROUNDS = 3

/** Just-in-time compilers work for some ten seconds, which a quarter of the maximum would make a minute. */
const warmSeconds = (seconds: number): number => 2 * warmUpSeconds(seconds)

/** Memory after a long time at full load, half of it GET, half PUT. */
export interface Soak {
  contender: ContenderName
  seconds: number
  residentBytes: number
}

/** Latencies at each share of the maximum that `samples` found, in a fresh process. */
export async function measureLatencies(
  contender: Contender,
  setup: Setup,
  seconds: number,
  samples: readonly Sample[],
): Promise<Latency[]> {
  const latencies: Latency[] = []
  await withUsers(contender, setup, async (server) => {
    for (const method of METHODS) {
      await load(server, setup, method, warmSeconds(seconds))
      const maximum = median(samples.map((sample) => sample[method].requestsPerSecond))
      for (const share of SHARES) {
        const target = { method, share, rate: maximum * share, seconds }
        latencies.push(await measureLatency(contender.name, server, setup, target))
      }
    }
  })
  return latencies
}

/** The median of each figure over the rounds, in which latencies come in the same order. */
export function medianLatencies(rounds: readonly Latency[][]): Latency[] {
  const [first = []] = rounds
  return first.map((latency, index) => {
    const of = (figure: 'requestsPerSecond' | 'p50Ms' | 'p99Ms' | 'p999Ms' | 'lagP99Ms') =>
      median(rounds.map((round) => round[index]?.[figure] ?? Number.NaN))
    return {
      ...latency,
      requestsPerSecond: of('requestsPerSecond'),
      p50Ms: of('p50Ms'),
      p99Ms: of('p99Ms'),
      p999Ms: of('p999Ms'),
      lagP99Ms: of('lagP99Ms'),
    }
  })
}

/** Memory after `seconds`, in a fresh process. */
export async function soak(contender: Contender, setup: Setup, seconds: number): Promise<Soak> {
  const { name } = contender
  return withUsers(contender, setup, async (server) => {
    for (const method of METHODS) await load(server, setup, method, Math.ceil(seconds / 2))
    return { contender: name, seconds, residentBytes: residentBytes(server.pids) }
  })
}

async function withUsers<T>(
  contender: Contender,
  setup: Setup,
  use: (server: Server) => Promise<T>,
): Promise<T> {
  const server = await startServer(contender, setup, READ)
  try {
    await saveUsers(server, setup)
    return await use(server)
  } finally {
    await server.stop()
  }
}
