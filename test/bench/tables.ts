import { table } from '../../scripts/lib/format.ts'
import type { Ratio, Row } from './comparison.ts'
import type { Target } from './targets.ts'
import { METHODS } from './wrk.ts'

const percent = (share: number) => `${(share * 100).toFixed(0)} %`

/** Figures, ratios and verdicts, for people. */
export function tables(
  rows: readonly Row[],
  ratios: readonly Ratio[],
  targets: readonly Target[],
): string[] {
  const sections = METHODS.map((method) =>
    tableOf(
      [
        method,
        'requests/s',
        'p50 ms',
        'p99 ms',
        'CPU us/request',
        'resident MB',
        'first 200 ms',
        'core used',
        'core idle',
      ],
      rows
        .filter((row) => row.method === method)
        .map((row) => [
          row.contender,
          row.requestsPerSecond.toFixed(0),
          row.p50Ms.toFixed(2),
          row.p99Ms.toFixed(2),
          row.cpuMicrosPerRequest.toFixed(1),
          (row.residentBytes / 1e6).toFixed(0),
          row.firstAnswerMs.toFixed(0),
          percent(row.serverShare),
          percent(row.idleShare),
        ]),
    ),
  )
  if (ratios.length > 0) {
    sections.push(
      tableOf(
        ['median ratio', 'requests/s', 'per core', 'p99', 'CPU/request'],
        ratios.map(
          ({ peer, method, requestsPerSecond, requestsPerCpuSecond, p99, cpuPerRequest }) => [
            `${method} service:${peer}`,
            ...[requestsPerSecond, requestsPerCpuSecond, p99, cpuPerRequest].map((x) =>
              x.toFixed(2),
            ),
          ],
        ),
      ),
    )
  }
  if (targets.length > 0) {
    sections.push(
      tableOf(
        ['target', 'measured', ''],
        targets.map(({ target, measured, met }) => [target, measured, met ? 'met' : 'missed']),
      ),
    )
  }
  return sections
}

/** Columns under their headings, the first left-aligned and the others right-aligned. */
const tableOf = (head: string[], body: string[][]): string =>
  table([head, ...body], { figures: true }).join('\n')
