/** A histogram of milliseconds in steps of 2 %: bucket to count. */
export type Latencies = Record<number, number>

const STEP = Math.log(1.02)
const SMALLEST_MS = 0.01

export function note(latencies: Latencies, ms: number): void {
  const bucket = Math.max(0, Math.round(Math.log(ms / SMALLEST_MS) / STEP))
  latencies[bucket] = (latencies[bucket] ?? 0) + 1
}

export function merge(all: Latencies[]): Latencies {
  const sum: Latencies = {}
  for (const each of all) {
    for (const [bucket, count] of Object.entries(each)) {
      sum[Number(bucket)] = (sum[Number(bucket)] ?? 0) + count
    }
  }
  return sum
}

/** The nearest-rank percentile in milliseconds, accurate to 1 %; null if empty. */
export function percentileOf(latencies: Latencies, percent: number): number | null {
  const buckets = Object.keys(latencies)
    .map(Number)
    .sort((a, b) => a - b)
  const total = buckets.reduce((sum, bucket) => sum + (latencies[bucket] as number), 0)
  let left = Math.max(1, Math.ceil((percent / 100) * total))
  for (const bucket of buckets) {
    left -= latencies[bucket] as number
    if (left <= 0) return SMALLEST_MS * Math.exp(bucket * STEP)
  }
  return null
}
