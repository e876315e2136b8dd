import { median } from '../../../scripts/lib/probe/statistics.ts'
import type { ContenderName } from './contenders.ts'
import { type Figures, METHODS, type Method } from './load.ts'

/** One contender in one round. */
export type Sample = Record<Method, Figures> & { firstAnswerMs: number }

/** One sample of every contender per round. */
export type Samples = Partial<Record<ContenderName, Sample[]>>

/** Medians over the rounds. */
export interface Row extends Figures {
  contender: ContenderName
  method: Method
  firstAnswerMs: number
}

/** The service relative to one peer: medians of the ratios per round, above 1 where the service has more. */
export interface Ratio {
  peer: ContenderName
  method: Method
  requestsPerSecond: number
  cpuMicros: number
  p99Ms: number
}

export interface Target {
  target: string
  measured: string
  /** How much of the target is missing, as a share of it; 0 when it is met. */
  missedBy: number
}

/** A row for each contender and method. */
export function summarize(samples: Samples): Row[] {
  return entries(samples).flatMap(([contender, rounds]) =>
    METHODS.map((method) => {
      const of = (figure: keyof Figures) => median(rounds.map((round) => round[method][figure]))
      return {
        contender,
        method,
        requestsPerSecond: of('requestsPerSecond'),
        failures: Math.max(...rounds.map((round) => round[method].failures)),
        p50Ms: of('p50Ms'),
        p99Ms: of('p99Ms'),
        cpuMicros: of('cpuMicros'),
        coreShare: of('coreShare'),
        residentBytes: of('residentBytes'),
        executableBytes: of('executableBytes'),
        firstAnswerMs: median(rounds.map((round) => round.firstAnswerMs)),
      }
    }),
  )
}

/** The service against each other measured contender; empty when the service was not measured. */
export function compare({ service, ...peers }: Samples): Ratio[] {
  if (!service) return []
  return entries(peers).flatMap(([peer, rounds]) =>
    METHODS.map((method) => {
      const ratio = (figure: keyof Figures) =>
        median(
          rounds.map(
            (theirs, round) => (service[round]?.[method][figure] ?? 0) / theirs[method][figure],
          ),
        )
      return {
        peer,
        method,
        requestsPerSecond: ratio('requestsPerSecond'),
        cpuMicros: ratio('cpuMicros'),
        p99Ms: ratio('p99Ms'),
      }
    }),
  )
}

/** CPU of the service in the limit's, with one Redis. */
const LIMIT_RATIO = { GET: 1.2, PUT: 1.25 }
/** Requests a second of the service in the peers', as in production. */
const PEER_RATIO: Partial<Record<ContenderName, number>> = { gin: 1.6, rueidis: 1.1 }
const RESIDENT_BYTES = 100e6
/** Of a start with the warm-up. */
const FIRST_ANSWER_MS = 120

/** The targets that can be judged from what was measured. */
export function targets(rows: Row[], ratios: Ratio[], production: boolean): Target[] {
  const found: Target[] = []
  const times = (value: number) => `${value.toFixed(2)} x`
  for (const { peer, method, requestsPerSecond, cpuMicros } of ratios) {
    const least = production && PEER_RATIO[peer]
    if (least) {
      const missedBy = Math.max(0, 1 - requestsPerSecond / least)
      const target = `${method}: ${least} x ${peer}'s requests/s`
      found.push({ target, measured: times(requestsPerSecond), missedBy })
    }
    if (!production && peer === 'limit') {
      const most = LIMIT_RATIO[method]
      const missedBy = Math.max(0, cpuMicros / most - 1)
      found.push({
        target: `${method}: CPU at most ${most} x the limit's`,
        measured: times(cpuMicros),
        missedBy,
      })
    }
  }
  const own = rows.filter(({ contender }) => contender === 'service')
  if (!own[0]) return found
  const resident = Math.max(...own.map((row) => row.residentBytes))
  found.push({
    target: 'below 100 MB resident at full load',
    measured: `${(resident / 1e6).toFixed(0)} MB`,
    missedBy: Math.max(0, resident / RESIDENT_BYTES - 1),
  })
  found.push({
    target: `first 200 within ${FIRST_ANSWER_MS} ms`,
    measured: `${own[0].firstAnswerMs.toFixed(0)} ms`,
    missedBy: Math.max(0, own[0].firstAnswerMs / FIRST_ANSWER_MS - 1),
  })
  return found
}

/** Below this share of its core, a server was not saturated, or not alone. */
const FULL_SHARE = 0.9

/** Reasons to doubt the figures. */
export const doubts = (rows: Row[]): string[] =>
  rows.flatMap(({ contender, method, coreShare, failures }) => {
    const share = (coreShare * 100).toFixed(0)
    return [
      ...(failures > 0 ? [`${method} ${contender}: ${failures} requests of a round failed`] : []),
      ...(coreShare < FULL_SHARE
        ? [
            `${method} ${contender} had ${share} % of its core: the load could not keep up, or it was not alone`,
          ]
        : []),
    ]
  })

const entries = (samples: Samples) => Object.entries(samples) as [ContenderName, Sample[]][]
