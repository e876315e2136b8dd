import type { Row } from './figures.ts'
import { METHODS } from './load.ts'

const WIDTH = 760
const NAMES = 130
const FIGURES = 80
const LINE = 20
const STYLE = `text { font: 13px system-ui, sans-serif; fill: #333 } .head { font-weight: 600 } .figure { text-anchor: end }
.service { fill: #2a78c2 } .other { fill: #8a99a6 } @media (prefers-color-scheme: dark) { text { fill: #ddd } }`

/** A bar for each contender, as an SVG document: requests a second, CPU, and p99. */
export function plot(rows: Row[]): string {
  let line = 1
  const drawn = METHODS.flatMap((method) => {
    const own = rows.filter((row) => row.method === method)
    return (
      [
        ['requests/s', (row) => row.requestsPerSecond],
        ['CPU us/request', (row) => row.cpuMicros],
        ['p99 ms at full load', (row) => row.p99Ms],
      ] as [string, (row: Row) => number][]
    ).map(([title, value]) => {
      const top = line
      line += own.length + 2
      return chart(`${method}: ${title}`, own, value, top)
    })
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${line * LINE}">
<title>What each contender of scripts/bench does, the service in blue</title>
<style>${STYLE}</style>
${drawn.join('\n')}
</svg>
`
}

function chart(title: string, rows: Row[], value: (row: Row) => number, top: number): string {
  const longest = Math.max(...rows.map(value))
  const bars = rows.map((row, index) => {
    const y = (top + 1 + index) * LINE
    const width = (value(row) / longest) * (WIDTH - NAMES - FIGURES)
    const figure =
      value(row) >= 100 ? Math.round(value(row)).toLocaleString('en') : value(row).toFixed(2)
    return `<text x="0" y="${y}">${row.contender}</text>
<rect class="${row.contender === 'service' ? 'service' : 'other'}" x="${NAMES}" y="${y - 12}" width="${width.toFixed(1)}" height="14"/>
<text class="figure" x="${WIDTH}" y="${y}">${figure}</text>`
  })
  return [`<text class="head" x="0" y="${top * LINE}">${title}</text>`, ...bars].join('\n')
}
