import { median } from '../../scripts/lib/statistics.ts'
import type { Contender } from './contenders.ts'
import { type Latency, measureLatency, SHARES, saveUsers } from './fixed-rate.ts'
import type { ContenderName, Options } from './options.ts'
import { residentBytes } from './processor-time.ts'
import { READ } from './requests.ts'
import { type Sample, warmUpSeconds } from './rounds.ts'
import { startServer } from './server.ts'
import type { Setup } from './setup.ts'
import { load, METHODS } from './wrk.ts'

/** Memory after a long time at full load, half of it GET, half PUT. */
export interface Soak {
  contender: ContenderName
  seconds: number
  residentBytes: number
}

/** What is measured once for each contender, after the rounds that found its maximum, in a fresh process. */
export async function measureSteady(
  contender: Contender,
  setup: Setup,
  { latency, soak, seconds }: Options,
  samples: readonly Sample[],
): Promise<{ latencies: Latency[]; soaks: Soak[] }> {
  const server = await startServer(contender, setup, READ)
  const { name } = contender
  const latencies: Latency[] = []
  const soaks: Soak[] = []
  try {
    await saveUsers(server, setup)
    for (const method of latency ? METHODS : []) {
      await load(server, setup, method, warmUpSeconds(seconds))
      const maximum = median(samples.map((sample) => sample[method].requestsPerSecond))
      for (const share of SHARES) {
        const rate = maximum * share
        latencies.push(await measureLatency(name, server, setup, { method, share, rate, seconds }))
      }
    }
    if (soak > 0) {
      for (const method of METHODS) await load(server, setup, method, Math.ceil(soak / 2))
      soaks.push({ contender: name, seconds: soak, residentBytes: residentBytes(server.pids) })
    }
    return { latencies, soaks }
  } finally {
    await server.stop()
  }
}
