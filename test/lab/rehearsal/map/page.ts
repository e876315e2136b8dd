import type { Cell } from './cell.ts'
import { DRAINS, failuresOf, LAGS, type LagMap, marginOf } from './map.ts'

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; }
table { border-collapse: separate; border-spacing: 3px; table-layout: fixed; width: 100%; font-variant-numeric: tabular-nums; }
th { font-weight: 500; padding: .3rem; }
td { border-radius: 4px; color: #111; padding: .7rem .3rem; text-align: center; }
td.default { outline: 2px solid; outline-offset: -2px; }
caption { padding: .4rem 0; text-align: left; }
`

/** None is green; from there on the redder, the more. */
const colour = (failed: number): string =>
  failed === 0 ? 'hsl(140 45% 75%)' : `hsl(${Math.max(0, 45 - 15 * Math.log10(failed))} 85% 70%)`

/** The map as one self-contained page. */
export function mapPage(map: LagMap): string {
  const margin = marginOf(map, map.defaultDrain)
  const requests = map.cells.reduce((total, cell) => total + cell.requests, 0)
  const verdict =
    margin === undefined
      ? 'Requests are dropped even by a load balancer that is not late'
      : `No request is dropped while the load balancer is up to ${margin} s late`
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>The late load balancer</title>
<style>${STYLE}</style>
<h1>${verdict}</h1>
<p>Failed requests over how late the last of two nodes heard (across) and how long a stopping instance kept serving (down):
${requests.toLocaleString('en-GB')} requests in ${map.cells.length} cells, release ${map.release.slice(0, 12)}. The default
drain is ${map.defaultDrain} s.</p>
${table(map, `Deregistered, stopped ${map.deregistration} s later`, ({ deregistered }) => deregistered)}
${table(map, 'Restarted in place, without deregistration', ({ restarted }) => restarted)}
${table(map, 'All failed requests of a cell', failuresOf)}
</html>
`
}

function table(map: LagMap, caption: string, count: (cell: Cell) => number): string {
  const cellOf = (lag: number, drain: number) => {
    const cell = map.cells.find((each) => each.lag === lag && each.drain === drain)
    if (!cell) return '<td>–</td>'
    const failed = count(cell)
    const isDefault = drain === map.defaultDrain ? ' class="default"' : ''
    return `<td${isDefault} style="background:${colour(failed)}" title="${cell.requests} requests">${failed}</td>`
  }
  return `<table><caption>${caption}</caption>
<tr><th>drain \\ lag</th>${LAGS.map((lag) => `<th>${lag} s</th>`).join('')}</tr>
${DRAINS.map((drain) => `<tr><th>${drain} s</th>${LAGS.map((lag) => cellOf(lag, drain)).join('')}</tr>`).join('\n')}
</table>`
}
