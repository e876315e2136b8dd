import type { Row } from './comparison.ts'
import type { Latency } from './fixed-rate.ts'

const WIDTH = 760
const NAMES = 130
const FIGURES = 80
const LINE = 20
const STYLE = `text { font: 13px system-ui, sans-serif; fill: #333 } .head { font-weight: 600 } .figure { text-anchor: end }
.service { fill: #2a78c2 } .other { fill: #b8c4ce } @media (prefers-color-scheme: dark) { text { fill: #ddd } }`

interface Chart {
  title: string
  bars: { name: string; value: number; isService: boolean }[]
}

/** A bar for each contender, as an SVG document: requests a second, CPU, and p99 at each rate measured. */
export function plot(rows: readonly Row[], latencies: readonly Latency[]): string {
  const bars = <T extends { contender: string }>(found: readonly T[], value: (row: T) => number) =>
    found.map((row) => ({
      name: row.contender,
      value: value(row),
      isService: row.contender === 'service',
    }))
  const methods = [...new Set(rows.map(({ method }) => method))]
  const charts = methods.flatMap((method): Chart[] => {
    const own = rows.filter((row) => row.method === method)
    const rates = latencies.filter((each) => each.method === method)
    const shares = [...new Set(rates.map(({ share }) => share))]
    return [
      { title: `${method}: requests/s`, bars: bars(own, (row) => row.requestsPerSecond) },
      { title: `${method}: CPU us/request`, bars: bars(own, (row) => row.cpuMicrosPerRequest) },
      { title: `${method}: p99 ms at full load`, bars: bars(own, (row) => row.p99Ms) },
      ...shares.map((share) => ({
        title: `${method}: p99 ms at ${share * 100} % of each one's maximum`,
        bars: bars(
          rates.filter((each) => each.share === share),
          ({ p99Ms }) => p99Ms,
        ),
      })),
    ]
  })
  let line = 1
  const drawn = charts.map((chart) => {
    const top = line
    line += chart.bars.length + 2
    return draw(chart, top)
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${line * LINE}">
<title>What each contender of scripts/bench does, the service in blue</title>
<style>${STYLE}</style>
${drawn.join('\n')}
</svg>
`
}

function draw({ title, bars }: Chart, top: number): string {
  const longest = Math.max(...bars.map(({ value }) => value))
  const lines = bars.map(({ name, value, isService }, index) => {
    const y = (top + 1 + index) * LINE
    const width = (value / longest) * (WIDTH - NAMES - FIGURES)
    const figure = value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2)
    return `<text x="0" y="${y}">${name}</text>
<rect class="${isService ? 'service' : 'other'}" x="${NAMES}" y="${y - 12}" width="${width.toFixed(1)}" height="14"/>
<text class="figure" x="${WIDTH}" y="${y}">${figure}</text>`
  })
  return [`<text class="head" x="0" y="${top * LINE}">${title}</text>`, ...lines].join('\n')
}
