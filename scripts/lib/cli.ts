import {
  type ParseArgsConfig,
  type ParseArgsOptionsConfig,
  parseArgs,
  stripVTControlCharacters,
  styleText,
} from 'node:util'
import { explain } from './aws/errors.ts'

/** Ends a verb with a message for a person and an exit code. */
export class Stop extends Error {
  constructor(
    message: string,
    readonly exitCode: number = EXIT.refused,
  ) {
    super(message)
  }
}

/** The exit codes that all verbs share. */
export const EXIT = {
  ok: 0,
  refused: 1,
  usage: 2,
  rolledBack: 3,
  failed: 4,
  timedOut: 5,
  interrupted: 130,
} as const

export const usageError = (message: string): Stop => new Stop(message, EXIT.usage)

/** Parses `argv` strictly; what it cannot take is a usage error. */
export function parse<T extends ParseArgsOptionsConfig>(
  argv: string[],
  options: T,
): ReturnType<typeof parseArgs<{ options: T; allowPositionals: true; strict: true }>> {
  const config = {
    args: argv,
    options,
    allowPositionals: true,
    strict: true,
  } satisfies ParseArgsConfig
  try {
    return parseArgs(config) as never
  } catch (error) {
    throw usageError((error as Error).message.split('. To specify')[0] as string)
  }
}

/** Runs a verb to its exit code: prints help, usage errors, refusals and AWS's errors as sentences. */
export async function runVerb(
  name: string,
  usage: string,
  verb: (argv: string[]) => Promise<number>,
): Promise<never> {
  const argv = process.argv.slice(2)
  if (argv.includes('--help') || argv.includes('-h')) {
    console.log(usage.trim())
    process.exit(EXIT.ok)
  }
  try {
    process.exit(await verb(argv))
  } catch (error) {
    const code = error instanceof Stop ? error.exitCode : EXIT.refused
    const message = error instanceof Stop ? error.message : explain(error)
    console.error(`${name}: ${message}${code === EXIT.usage ? ` (scripts/${name} --help)` : ''}`)
    process.exit(code)
  }
}

/** A number from an option's text; `unit` completes the sentence when it is none. */
export function toNumber(name: string, text: string, { min = 0, max = 1e9 } = {}): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max) {
    throw usageError(`--${name} wants a number from ${min} to ${max}, got '${text}'`)
  }
  return value
}

type Colour = 'red' | 'green' | 'yellow' | 'bold' | 'dim' | 'cyan'

/** Colours text for `stream`, when that is a terminal and NO_COLOR is not set. */
export function painter(stream: NodeJS.WriteStream): (colour: Colour, text: string) => string {
  const colourful = stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
  return (colour, text) => (colourful ? styleText(colour, text, { validateStream: false }) : text)
}

/** Columns as wide as their widest cell, which may be coloured. */
export function table(rows: string[][]): string[] {
  const width = (cell: string): number => Bun.stringWidth(stripVTControlCharacters(cell))
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => width(row[column] ?? ''))),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell))))
      .join('  ')
      .trimEnd(),
  )
}

/** A release id short enough for a table: twelve digits, and whether the tree was dirty. */
export const shortRelease = (release: string | undefined): string =>
  release ? release.replace(/^([0-9a-f]{12})[0-9a-f]+/, '$1') : 'unknown'

/** `75` as `1:15`. */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
