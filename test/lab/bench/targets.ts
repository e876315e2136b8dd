import type { Ratio, Row } from './comparison.ts'
import type { Latency } from './fixed-rate.ts'
import type { ContenderName, Options } from './options.ts'

export interface Target {
  target: string
  measured: string
  met: boolean
  /** How much of the target is missing, as a share of it; 0 when it is met. */
  missedBy: number
}

const GIN_RATIO = 2.2
/** With one Redis; in production it must be ahead. */
const PLAIN_RATIO = 1.4
const FLOOR_CPU_RATIO = 1.5
const FIRST_ANSWER_MS = 120
const RESIDENT_BYTES = 100e6
const DURABLE_PUTS_PER_SECOND = 10_000

export interface Measured {
  rows: readonly Row[]
  ratios: readonly Ratio[]
  latencies: readonly Latency[]
  /** Of the disk, where SQLite was measured. */
  syncsPerSecond?: number | undefined
}

/** The targets that can be judged from what was measured. */
export function judge(
  { rows, ratios, latencies, syncsPerSecond }: Measured,
  { production, workers }: Pick<Options, 'production' | 'workers'>,
): Target[] {
  const targets: Target[] = []
  const add = (target: string, measured: string, missedBy: number) =>
    targets.push({ target, measured, met: missedBy <= 0, missedBy: Math.max(0, missedBy) })
  const atLeast = (target: string, value: number, limit: number, show = ratio) =>
    add(target, show(value), 1 - value / limit)
  const atMost = (target: string, value: number, limit: number, show = ratio) =>
    add(target, show(value), value / limit - 1)

  for (const { peer, method, requestsPerCpuSecond, p99, cpuPerRequest } of ratios) {
    if (peer === 'gin') {
      const name = `${method}: ${GIN_RATIO} x gin's requests/s per core`
      atLeast(name, requestsPerCpuSecond, GIN_RATIO)
      atMost(`${method}: p99 no worse than gin's`, p99, 1)
      const half = (contender: ContenderName) => p99AtHalf(latencies, contender, method)
      const halves = half('service') / half('gin')
      if (halves > 0) atMost(`${method}: p99 at 50 % no worse than gin's`, halves, 1)
    }
    if (peer === 'plain') {
      const limit = production ? 1 : PLAIN_RATIO
      const name = production ? "ahead of plain's" : `${limit} x plain's`
      atLeast(`${method}: ${name} requests/s per core`, requestsPerCpuSecond, limit)
    }
    if (peer === 'floor' && method === 'GET') {
      atMost(`GET: CPU within ${FLOOR_CPU_RATIO} x the floor's`, cpuPerRequest, FLOOR_CPU_RATIO)
    }
  }

  const own = rows.filter((row) => row.contender === 'service')
  const [first] = own
  if (!first) return targets
  const put = own.find(({ method }) => method === 'PUT')
  if (put && syncsPerSecond !== undefined) {
    const limit = Math.min(DURABLE_PUTS_PER_SECOND, syncsPerSecond)
    const show = (value: number) => `${value.toFixed(0)}/s`
    const name = `${DURABLE_PUTS_PER_SECOND} durable PUT/s, or the disk's ${show(syncsPerSecond)}`
    atLeast(name, put.requestsPerSecond, limit, show)
  }
  const ms = (value: number) => `${value.toFixed(0)} ms`
  const start = `first 200 within ${ms(FIRST_ANSWER_MS)} of start`
  atMost(start, first.firstAnswerMs, FIRST_ANSWER_MS, ms)
  const resident = Math.max(...own.map((row) => row.residentBytes)) / workers
  const megabytes = (value: number) => `${(value / 1e6).toFixed(0)} MB`
  const memory = `below ${megabytes(RESIDENT_BYTES)} resident under load, each worker`
  atMost(memory, resident, RESIDENT_BYTES, megabytes)
  return targets
}

const ratio = (value: number): string => `${value.toFixed(2)} x`

function p99AtHalf(
  latencies: readonly Latency[],
  contender: ContenderName,
  method: Latency['method'],
): number {
  const found = latencies.find(
    (each) => each.contender === contender && each.method === method && each.share === 0.5,
  )
  return found?.p99Ms ?? Number.NaN
}
