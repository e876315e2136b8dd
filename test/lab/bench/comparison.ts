import { median } from '../../../scripts/lib/probe/statistics.ts'
import { requestsPerDollar } from './cost.ts'
import type { Latency } from './fixed-rate.ts'
import type { ContenderName } from './options.ts'
import type { Sample, Samples } from './rounds.ts'
import { METHODS, type Method } from './wrk.ts'

/** Medians over the rounds. */
export interface Row {
  contender: ContenderName
  method: Method
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
  cpuMicrosPerRequest: number
  /** On the smallest instance of production, by CPU alone. */
  requestsPerDollar: number
  serverShare: number
  idleShare: number
  residentBytes: number
  firstAnswerMs: number
}

/** The service relative to one peer: medians of the ratios per round, above 1 where the service has more. */
export interface Ratio {
  peer: ContenderName
  method: Method
  requestsPerSecond: number
  /** Requests per second of CPU time: comparable even when something else uses the core as well. */
  requestsPerCpuSecond: number
  p99: number
  cpuPerRequest: number
}

/** A row for each contender and method. */
export function summarize(samples: Partial<Samples>): Row[] {
  return entries(samples).flatMap(([contender, rounds]) =>
    METHODS.map((method) => {
      const of = (figure: keyof Sample[Method]) =>
        median(rounds.map((round) => round[method][figure]))
      const cpuMicrosPerRequest = of('cpuMicrosPerRequest')
      return {
        contender,
        method,
        requestsPerSecond: of('requestsPerSecond'),
        p50Ms: of('p50Ms'),
        p99Ms: of('p99Ms'),
        cpuMicrosPerRequest,
        requestsPerDollar: requestsPerDollar(cpuMicrosPerRequest),
        serverShare: of('serverShare'),
        idleShare: of('idleShare'),
        residentBytes: of('residentBytes'),
        firstAnswerMs: median(rounds.map((round) => round.firstAnswerMs)),
      }
    }),
  )
}

/** The service against each other measured contender; empty when the service was not measured. */
export function compare(samples: Partial<Samples>): Ratio[] {
  const { service, ...peers } = samples
  if (!service) return []
  return entries(peers).flatMap(([peer, rounds]) =>
    METHODS.map((method) => {
      const ratio = (figure: 'requestsPerSecond' | 'p99Ms' | 'cpuMicrosPerRequest') =>
        median(
          rounds.map(
            (theirs, round) => (service[round]?.[method][figure] ?? 0) / theirs[method][figure],
          ),
        )
      const cpuPerRequest = ratio('cpuMicrosPerRequest')
      return {
        peer,
        method,
        requestsPerSecond: ratio('requestsPerSecond'),
        requestsPerCpuSecond: 1 / cpuPerRequest,
        p99: ratio('p99Ms'),
        cpuPerRequest,
      }
    }),
  )
}

/** Below this share of its core, a server was not saturated, or not alone. */
const FULL_SHARE = 0.9

/** From here on, what a fixed rate measured is as much the load's doing as the server's. */
const LATE_MS = 1

/** Reasons to doubt the figures. */
export function doubts(rows: readonly Row[], latencies: readonly Latency[] = []): string[] {
  const late = latencies
    .filter(({ lagP99Ms }) => lagP99Ms > LATE_MS)
    .map(({ contender, method, share, lagP99Ms }) => {
      const where = `${method} ${contender} at ${share * 100} %`
      return `${where}: the load itself was up to ${lagP99Ms.toFixed(1)} ms late in 99 of 100 requests`
    })
  const crowded = rows
    .filter((row) => row.serverShare < FULL_SHARE)
    .map(({ contender, method, serverShare, idleShare }) => {
      const reason =
        idleShare > 1 - serverShare - idleShare
          ? 'the load could not keep up'
          : 'something else used the core as well'
      const share = (serverShare * 100).toFixed(0)
      return `${method} ${contender} had ${share} % of its core: ${reason}`
    })
  return [...crowded, ...late]
}

function entries(samples: Partial<Samples>): [ContenderName, Sample[]][] {
  return Object.entries(samples) as [ContenderName, Sample[]][]
}
