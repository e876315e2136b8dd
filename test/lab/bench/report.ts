import { table } from '../../../scripts/lib/cli/format.ts'
import { doubts, type Ratio, type Row, type Target } from './figures.ts'
import { METHODS } from './load.ts'

/** What a run of the benchmark found; it is written to figures/. */
export interface Report {
  conditions: string[]
  /** The git tree of src that was measured. */
  source: string
  rows: Row[]
  ratios: Ratio[]
  targets: Target[]
}

const fixed = (value: number, digits: number): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })

const HEAD = [
  'requests/s',
  'CPU us',
  'p50 ms',
  'p99 ms',
  'resident MB',
  'executable MB',
  'first 200 ms',
]

const cells = (row: Row): string[] => [
  fixed(row.requestsPerSecond, 0),
  fixed(row.cpuMicros, 1),
  fixed(row.p50Ms, 2),
  fixed(row.p99Ms, 2),
  fixed(row.residentBytes / 1e6, 0),
  fixed(row.executableBytes / 1e6, 0),
  fixed(row.firstAnswerMs, 0),
]

const RATIO_HEAD = ['service', 'requests/s', 'CPU', 'p99']

const ratioCells = ({ peer, method, requestsPerSecond, cpuMicros, p99Ms }: Ratio): string[] => [
  `${method}, in ${peer}'s`,
  ...[requestsPerSecond, cpuMicros, p99Ms].map((value) => fixed(value, 2)),
]

const outcome = ({ missedBy }: Target): string =>
  missedBy > 0 ? `missed by ${(missedBy * 100).toFixed(0)} %` : 'met'

/** All tables of a report, as rows of cells under their headings. */
const tablesOf = ({ rows, ratios, targets }: Report): string[][][] =>
  [
    ...METHODS.map((method) => [
      [method, ...HEAD],
      ...rows.filter((row) => row.method === method).map((row) => [row.contender, ...cells(row)]),
    ]),
    [RATIO_HEAD, ...ratios.map(ratioCells)],
    [
      ['target', 'measured', ''],
      ...targets.map((each) => [each.target, each.measured, outcome(each)]),
    ],
  ].filter((rows) => rows.length > 1)

/** For a terminal. */
export const asText = (report: Report): string =>
  [
    report.conditions.join('\n'),
    ...tablesOf(report).map((rows) => table(rows, { figures: true }).join('\n')),
    doubts(report.rows).join('\n'),
  ]
    .join('\n\n')
    .trimEnd()

/** For test/lab/bench/README.md. */
export const asMarkdown = (report: Report): string =>
  [
    '```',
    ...report.conditions,
    '```',
    ...tablesOf(report).map(([head = [], ...rows]) =>
      [
        '',
        `| ${head.join(' | ')} |`,
        `| --- ${'| --: '.repeat(head.length - 1)}|`,
        ...rows.map((row) => `| ${row.join(' | ')} |`),
      ].join('\n'),
    ),
    ...doubts(report.rows).map((doubt) => `\n${doubt}.`),
  ].join('\n')

/** `readme` with the tables of `reports` between its marks. Throws when a mark is missing. */
export function withTables(readme: string, reports: Record<string, Report>): string {
  return Object.entries(reports).reduce((text, [name, report]) => {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
    const [from, to] = [text.indexOf(begin), text.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`test/lab/bench/README.md has no ${begin} … ${end}`)
    return `${text.slice(0, from + begin.length)}\n\n${asMarkdown(report)}\n\n${text.slice(to)}`
  }, readme)
}
