import { styleText } from 'node:util'

type Colour = 'red' | 'green' | 'yellow' | 'bold' | 'dim' | 'cyan'

/** Whether colours may be written to `stream`. */
export const isColourful = (stream: Pick<NodeJS.WriteStream, 'isTTY'>): boolean =>
  stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'

/** Colours text for `stream`, if that is a terminal and NO_COLOR is not set. */
export function painter(
  stream: Pick<NodeJS.WriteStream, 'isTTY'>,
): (colour: Colour, text: string) => string {
  const colourful = isColourful(stream)
  return (colour, text) => (colourful ? styleText(colour, text, { validateStream: false }) : text)
}

/** Where something is printed. */
export type Screen = Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>

/** How wide a line may be: as wide as a terminal, and any width elsewhere. */
export const columnsOf = ({ isTTY, columns }: Screen): number => (isTTY ? columns || 80 : Infinity)

/** Columns as wide as their widest cell, which may be coloured; with `figures`, all but the first are right-aligned. */
export function table(rows: string[][], { figures = false } = {}): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => Bun.stringWidth(row[column] ?? ''))),
  )
  const padded = (cell: string, column: number): string => {
    const blanks = ' '.repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(cell)))
    return figures && column > 0 ? blanks + cell : cell + blanks
  }
  return rows.map((row) => row.map(padded).join('  ').trimEnd())
}

/** A table of at most `columns`, as far as leaving out those of `leastFirst` helps; its last line names what was. */
export function fitted(rows: string[][], columns: number, leastFirst: string[]): string[] {
  for (let count = 0; ; count++) {
    const out = leastFirst.slice(0, count)
    const shown = rows[0]?.map((heading) => !out.includes(heading))
    const lines = table(rows.map((row) => row.filter((_, place) => shown?.[place])))
    if (count < leastFirst.length && lines.some((line) => Bun.stringWidth(line) > columns)) continue
    const note = `(not shown at this width: ${out.join(', ')})`
    return out.length === 0 ? lines : [...lines, ...wrapped(note, columns)]
  }
}

/** A text for each pair, in two columns: the second is wrapped, below the first where there is no room beside it. */
export function pairs(rows: string[][], columns: number): string[] {
  const widest = Math.max(0, ...rows.map(([left = '']) => left.length)) + 2
  const isBeside = columns - widest >= 24
  const indent = ' '.repeat(isBeside ? widest : 6)
  return rows.map(([left = '', right = '']) => {
    const text = wrapped(right, columns - indent.length)
      .map((line) => indent + line)
      .join('\n')
    return isBeside ? left + text.slice(left.length) : `${left}\n${text}`
  })
}

/** Others' text without the characters that move the cursor or hide what follows; line breaks and tabs stay. */
export const printable = (text: string): string => text.replaceAll(/[^\P{C}\n\t]/gu, ' ')

/** The same in one line. */
export const oneLine = (text: string): string => printable(text).trim().replaceAll(/\s+/g, ' ')

/** A release id short enough for a table: twelve digits, and whether the tree was dirty. */
export const shortRelease = (release: string | undefined): string =>
  release ? release.replace(/^([0-9a-f]{12})[0-9a-f]+/, '$1') : 'unknown'

/** Counts by release: `2 bbbb…, 1 aaaa…`. */
export function releaseCounts(releases: Record<string, number>): string {
  const parts = Object.entries(releases).map(
    ([release, count]) => `${count} ${shortRelease(release)}`,
  )
  return parts.join(', ') || 'no instance'
}

/** `75` as `1:15`. */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

/** `3 d`, `5 h`, `12 min` or `40 s`. */
export function age(now: Date, then: Date | undefined): string {
  if (!then) return '-'
  const seconds = Math.max(0, Math.round((now.getTime() - then.getTime()) / 1000))
  if (seconds >= 172_800) return `${Math.floor(seconds / 86_400)} d`
  if (seconds >= 7_200) return `${Math.floor(seconds / 3_600)} h`
  return seconds >= 120 ? `${Math.floor(seconds / 60)} min` : `${seconds} s`
}

/** Lines of at most `columns`, unless a word is longer; none of an empty text. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + word.length < columns)
      lines.push(`${lines.pop()} ${word}`)
    else lines.push(word)
  }
  return lines
}
