import { columnsOf, oneLine, painter, wrapped } from '../cli/format.ts'
import { count, type Status } from '../verify/finding.ts'
import type { CheckName, Result } from './examine.ts'
import { CHECKS } from './examine.ts'

const COLOURS = { ok: 'green', problem: 'red', unknown: 'yellow', 'not asked': 'dim' } as const

const WIDTH = Math.max(...Object.keys(CHECKS).map(({ length }) => length))

/** What to do follows what is wrong, in one line, whatever AWS said. */
const sentence = ({ text, todo }: Result): string => oneLine(todo ? `${text}: ${todo}` : text)

/** How results are shown: a line each, which a terminal wraps with an indent, and there the checks still waited for. */
export class Report {
  private readonly paint
  private isWaiting = false

  constructor(private readonly stream: NodeJS.WriteStream) {
    this.paint = painter(stream)
  }

  show(results: Result[]): void {
    this.erase()
    for (const result of results) this.stream.write(`${this.line(result)}\n`)
  }

  wait(names: CheckName[]): void {
    if (!this.stream.isTTY) return
    this.erase()
    if (names.length === 0) return
    const text = `waiting for ${names.join(', ')}`
    this.stream.write(this.paint('dim', Bun.sliceAnsi(text, 0, columnsOf(this.stream) - 1)))
    this.isWaiting = true
  }

  end(results: Result[]): void {
    this.erase()
    const counted = (['ok', 'problem', 'unknown'] as Status[]).map(
      (status) => [status, results.filter((each) => each.status === status).length] as const,
    )
    const words = counted
      .filter(([, number]) => number > 0)
      .map(([status, number]) =>
        status === 'problem' ? count(number, 'problem') : `${number} ${status}`,
      )
    this.stream.write(`${words.join(', ')}\n`)
  }

  private line(result: Result): string {
    const { status, check } = result
    const head = `${status.padEnd(8)} ${check.padEnd(WIDTH)}  `
    const body = sentence(result)
    const room = columnsOf(this.stream) - head.length - 1
    const rows = room > 30 ? wrapped(body, room) : [body]
    const painted = head.replace(status, this.paint(COLOURS[status], status))
    return painted + rows.join(`\n${' '.repeat(head.length)}`)
  }

  private erase(): void {
    if (this.isWaiting) this.stream.write('\r\x1b[2K')
    this.isWaiting = false
  }
}
