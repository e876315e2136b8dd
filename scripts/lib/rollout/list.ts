import { EXIT } from '../cli/errors.ts'
import {
  clockTime,
  columnsOf,
  fitted,
  type Screen,
  shortRelease,
  table,
  wrapped,
} from '../cli/format.ts'
import { reasonOf, targetOf } from '../fleet/refresh.ts'
import { type Context, surveyed } from './context.ts'

/** Prints the refreshes that AWS still remembers (it keeps them for six weeks). */
export async function list(context: Context): Promise<number> {
  const { refreshes, releaseOf } = await surveyed(context)
  const rows = refreshes.map((refresh) => {
    const templateVersion = targetOf(refresh)
    const { StartTime: start, EndTime: end } = refresh
    return {
      started: start?.toISOString() ?? '',
      seconds: start && end ? (end.getTime() - start.getTime()) / 1000 : undefined,
      status: refresh.Status ?? 'Pending',
      launchTemplateVersion: templateVersion,
      release: releaseOf(templateVersion),
      reason: reasonOf(refresh),
    }
  })
  if (context.settings.json) {
    console.log(JSON.stringify(rows, undefined, 2))
    return EXIT.ok
  }
  const cells = rows.map((row) => [
    row.started,
    row.seconds === undefined ? '-' : clockTime(row.seconds),
    `version ${row.launchTemplateVersion ?? 'unknown'}`,
    shortRelease(row.release),
    row.status,
    row.reason,
  ])
  const lines = listLines(cells, process.stdout)
  console.log(rows.length > 0 ? lines.join('\n') : 'no refresh yet')
  return EXIT.ok
}

const HEADING = ['STARTED', 'TOOK', 'TO', 'RELEASE', 'STATUS', 'REASON']

/** A table; where that is too wide, each reason is below its line. */
export function listLines(cells: string[][], screen: Screen): string[] {
  const columns = columnsOf(screen)
  const whole = table([HEADING, ...cells])
  if (whole.every((line) => line.length <= columns)) return whole
  const rows = [HEADING, ...cells].map((row) => row.slice(0, -1))
  return fitted(rows, columns, ['TO', 'TOOK']).flatMap((line, row) => [
    line,
    ...wrapped(cells[row - 1]?.at(-1) ?? '', columns - 4).map((each) => `    ${each}`),
  ])
}
