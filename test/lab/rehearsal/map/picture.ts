import { DRAINS, failuresOf, LAGS, type LagMap, verdictOf } from './map.ts'

const STYLE = `text { font: 15px system-ui, sans-serif; fill: #1f2328; text-anchor: middle; }
.verdict { font-weight: 600; font-size: 17px; text-anchor: start; }
.side { text-anchor: end; }
.cell { fill: #111; }
.default { fill: none; stroke: #1f2328; stroke-width: 2; }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc; } .cell { fill: #111; } .default { stroke: #f0f6fc; } }`

const [LEFT, TOP, WIDTH, HEIGHT] = [140, 92, 84, 40]

/** None is green; from there on the redder, the more. */
const colour = (failed: number): string =>
  failed === 0 ? 'hsl(140 45% 75%)' : `hsl(${Math.max(0, 45 - 15 * Math.log10(failed))} 85% 70%)`

/** The map as an SVG: the failed requests of each cell, those of the default drain in a frame. */
export function pictureOf(map: LagMap): string {
  const [width, height] = [LEFT + WIDTH * LAGS.length + 4, TOP + HEIGHT * DRAINS.length + 4]
  const text = (x: number, y: number, of: string, words: string | number) =>
    `<text class="${of}" x="${x}" y="${y}">${words}</text>`
  const x = (column: number) => LEFT + WIDTH * column
  const y = (row: number) => TOP + HEIGHT * row
  const cells = map.cells.map((cell) => {
    const [column, row] = [LAGS.indexOf(cell.lag), DRAINS.indexOf(cell.drain)]
    const failed = failuresOf(cell)
    return `<rect x="${x(column) + 2}" y="${y(row) + 2}" width="${WIDTH - 4}" height="${HEIGHT - 4}" rx="4" fill="${colour(failed)}"/>${text(x(column) + WIDTH / 2, y(row) + 26, 'cell', failed)}`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}">
<title>${verdictOf(map)}</title>
<style>${STYLE}</style>
${text(8, 24, 'verdict', verdictOf(map))}
${text(x(LAGS.length / 2), 56, '', 'how late the load balancer is')}
${LAGS.map((lag, column) => text(x(column) + WIDTH / 2, 82, '', `${lag} s`)).join('')}
${DRAINS.map((drain, row) => text(LEFT - 8, y(row) + 26, 'side', `drain of ${drain} s`)).join('')}
${cells.join('\n')}
<rect class="default" x="${LEFT + 1}" y="${y(DRAINS.indexOf(map.defaultDrain)) + 1}" width="${WIDTH * LAGS.length - 2}" height="${HEIGHT - 2}" rx="5"/>
</svg>
`
}
