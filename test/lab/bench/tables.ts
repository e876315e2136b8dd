import { table } from '../../../scripts/lib/cli/format.ts'
import type { Ratio, Row } from './comparison.ts'
import type { Latency } from './fixed-rate.ts'
import type { Soak } from './steady.ts'
import type { Target } from './targets.ts'
import { METHODS } from './wrk.ts'

export interface Results {
  rows: readonly Row[]
  ratios: readonly Ratio[]
  latencies: readonly Latency[]
  soaks: readonly Soak[]
  targets: readonly Target[]
}

const percent = (share: number) => `${(share * 100).toFixed(0)} %`

/** Figures, ratios and verdicts, for people. */
export function tables({ rows, ratios, latencies, soaks, targets }: Results): string[] {
  const sections = METHODS.map((method) =>
    tableOf(
      [
        method,
        'requests/s',
        'p50 ms',
        'p99 ms',
        'CPU us/request',
        'million/$',
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
          (row.requestsPerDollar / 1e6).toFixed(0),
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
  if (latencies.length > 0) {
    sections.push(
      tableOf(
        ['at a fixed rate', 'of maximum', 'requests/s', 'p50 ms', 'p99 ms', 'p99.9 ms'],
        latencies.map((each) => [
          `${each.method} ${each.contender}`,
          percent(each.share),
          each.requestsPerSecond.toFixed(0),
          ...[each.p50Ms, each.p99Ms, each.p999Ms].map((ms) => ms.toFixed(2)),
        ]),
      ),
    )
  }
  if (soaks.length > 0) {
    sections.push(
      tableOf(
        ['after a long load', 'seconds', 'resident MB'],
        soaks.map(({ contender, seconds, residentBytes }) => [
          contender,
          String(seconds),
          (residentBytes / 1e6).toFixed(0),
        ]),
      ),
    )
  }
  if (targets.length > 0) {
    sections.push(
      tableOf(
        ['target', 'measured', ''],
        targets.map(({ target, measured, met, missedBy }) => [
          target,
          measured,
          met ? 'met' : `missed by ${percent(missedBy)}`,
        ]),
      ),
    )
  }
  return sections
}

/** Columns under their headings, the first left-aligned and the others right-aligned. */
const tableOf = (head: string[], body: string[][]): string =>
  table([head, ...body], { figures: true }).join('\n')
