import type { Ratio, Row } from './comparison.ts'

export interface Target {
  target: string
  measured: string
  met: boolean
}

const GIN_RATIO = 2
const FLOOR_CPU_RATIO = 1.5
const FIRST_ANSWER_MS = 120
const RESIDENT_BYTES = 100e6

/** The targets that can be judged from the contenders measured. */
export function judge(rows: readonly Row[], ratios: readonly Ratio[]): Target[] {
  const targets: Target[] = []
  const add = (target: string, measured: string, met: boolean) =>
    targets.push({ target, measured, met })

  for (const { peer, method, requestsPerCpuSecond, p99, cpuPerRequest } of ratios) {
    if (peer === 'gin') {
      add(
        `${method}: ${GIN_RATIO} x gin's requests/s per core`,
        `${requestsPerCpuSecond.toFixed(2)} x`,
        requestsPerCpuSecond >= GIN_RATIO,
      )
      add(`${method}: p99 no worse than gin's`, `${p99.toFixed(2)} x`, p99 <= 1)
    }
    if (peer === 'plain') {
      add(
        `${method}: ahead of plain's requests/s per core`,
        `${requestsPerCpuSecond.toFixed(2)} x`,
        requestsPerCpuSecond > 1,
      )
    }
    if (peer === 'floor' && method === 'GET') {
      add(
        `GET: CPU within ${FLOOR_CPU_RATIO} x the floor's`,
        `${cpuPerRequest.toFixed(2)} x`,
        cpuPerRequest <= FLOOR_CPU_RATIO,
      )
    }
  }

  const own = rows.filter((row) => row.contender === 'service')
  const [{ firstAnswerMs } = { firstAnswerMs: undefined }] = own
  if (firstAnswerMs === undefined) return targets
  add(
    `first 200 within ${FIRST_ANSWER_MS} ms of start`,
    `${firstAnswerMs.toFixed(0)} ms`,
    firstAnswerMs <= FIRST_ANSWER_MS,
  )
  const resident = Math.max(...own.map((row) => row.residentBytes))
  add(
    `below ${RESIDENT_BYTES / 1e6} MB resident under load`,
    `${(resident / 1e6).toFixed(0)} MB`,
    resident < RESIDENT_BYTES,
  )
  return targets
}
