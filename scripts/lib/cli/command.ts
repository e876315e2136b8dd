import { EXIT, Stop, usageError } from './errors.ts'
import { fileProblem } from './files.ts'
import { printable } from './format.ts'
import { type OptionTable, optionLines, readOptions, type Values } from './options.ts'

/** A command, run as scripts/NAME. */
export interface Command<T extends OptionTable> {
  name: string
  /** Usage and description: the help above the options. */
  synopsis: string
  options: T
  /** The help below the options; at least the exit codes. */
  notes: string
  /** Maximum number of positional arguments (0). */
  words?: number
  /** Whether arguments after `--` are passed on to another program. */
  passesOn?: boolean
  /** A sentence for an error that is no `Stop`. */
  explain(error: unknown): string
  /** Prefix of environment variables that set options, too. */
  environmentPrefix?: string
}

/** What the command was called with. */
export interface Call<T extends OptionTable> {
  options: Values<T>
  words: string[]
  /** The arguments after `--`. */
  passedOn: string[]
}

export const helpOf = (command: Command<OptionTable>): string =>
  [command.synopsis.trim(), '', ...optionLines(command.options), '', command.notes.trim()].join(
    '\n',
  )

/** Parses the arguments of scripts/NAME. Throws a usage error for anything invalid. */
export function readCall<T extends OptionTable>(
  command: Command<T>,
  argv: string[],
  env: Record<string, string | undefined>,
): Call<T> {
  const cut = command.passesOn ? argv.indexOf('--') : -1
  const own = cut < 0 ? argv : argv.slice(0, cut)
  const { values, words, remarks } = readOptions(
    command.options,
    own,
    env,
    command.environmentPrefix,
  )
  for (const remark of remarks) console.error(`${command.name}: ${remark}`)
  const limit = command.words ?? 0
  if (words.length > limit) {
    const extra = words[limit]
    throw usageError(
      limit === 0 ? `takes no arguments, got '${extra}'` : `'${extra}' is one argument too many`,
    )
  }
  return { options: values, words, passedOn: cut < 0 ? [] : argv.slice(cut + 1) }
}

/** Runs a command and exits with its code. Prints help, and usage errors, refusals and all other errors as sentences. */
export async function runCommand<T extends OptionTable>(
  command: Command<T>,
  run: (call: Call<T>) => Promise<number>,
): Promise<never> {
  const { name } = command
  const argv = process.argv.slice(2)
  if (argv.includes('--help') || argv.includes('-h')) {
    console.log(helpOf(command))
    process.exit(EXIT.ok)
  }
  try {
    process.exit(await run(readCall(command, argv, process.env)))
  } catch (error) {
    const code = error instanceof Stop ? error.exitCode : EXIT.refused
    const message =
      error instanceof Stop ? error.message : (fileProblem(error) ?? command.explain(error))
    const hint = code === EXIT.usage ? ` (scripts/${name} --help)` : ''
    console.error(printable(`${name}: ${message}${hint}`))
    process.exit(code)
  }
}

/** Aborted by the first SIGINT, SIGTERM or SIGHUP, none of which then ends the process. */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => controller.abort())
  }
  return controller.signal
}
