import type { Cell } from './cell.ts'

/** The lags and drains that are combined, in seconds. */
export const LAGS = [0, 20, 40, 60, 70, 100, 120]
export const DRAINS = [0, 20, 40, 60, 80]

/** Failed requests over lag and drain. */
export interface LagMap {
  release: string
  /** Seconds from deregistration to the stop, while connections are open. */
  deregistration: number
  /** The drain that the service has by default, in seconds. */
  defaultDrain: number
  cells: Cell[]
}

export const failuresOf = ({ deregistered, restarted, other }: Cell): number =>
  deregistered + restarted + other

/** The largest lag up to which no request failed with a drain of `drain` seconds; undefined if one failed at once. */
export function marginOf({ cells }: LagMap, drain: number): number | undefined {
  let margin: number | undefined
  for (const cell of cells.filter((each) => each.drain === drain).sort((a, b) => a.lag - b.lag)) {
    if (failuresOf(cell) > 0) break
    margin = cell.lag
  }
  return margin
}

/** The map as JSON, a cell on each line. */
export const jsonOf = ({ cells, ...rest }: LagMap): string =>
  `${JSON.stringify(rest).slice(0, -1)},"cells":[\n${cells.map((cell) => JSON.stringify(cell)).join(',\n')}\n]}\n`

/** What the map comes to. */
export function verdictOf(map: LagMap): string {
  const margin = marginOf(map, map.defaultDrain)
  return margin === undefined
    ? 'Requests are dropped even by a load balancer that is not late'
    : `No request is dropped while the load balancer is up to ${margin} s late`
}
