import { explain } from './aws/errors.ts'
import { EXIT, Stop, usageError } from './errors.ts'
import { type OptionTable, optionLines, readOptions, type Values } from './options.ts'

/** What a person runs as scripts/NAME. */
export interface Command<T extends OptionTable> {
  name: string
  /** How it is called and what it does: the help above its options. */
  synopsis: string
  options: T
  /** The help below its options; the exit codes at least. */
  notes: string
  /** How many words it takes beside options (0). */
  words?: number
  /** Whether words after `--` are for somebody else. */
  passesOn?: boolean
  /** Options may come from variables that begin so, too. */
  environmentPrefix?: string
}

/** What the command was called with. */
export interface Call<T extends OptionTable> {
  options: Values<T>
  words: string[]
  /** What stood after `--`. */
  passedOn: string[]
}

export const helpOf = (command: Command<OptionTable>): string =>
  [command.synopsis.trim(), '', ...optionLines(command.options), '', command.notes.trim()].join(
    '\n',
  )

/** Reads the words after scripts/NAME. Throws a usage error for anything it cannot take. */
export function readCall<T extends OptionTable>(
  command: Command<T>,
  argv: string[],
  env: Record<string, string | undefined>,
): Call<T> {
  const cut = command.passesOn ? argv.indexOf('--') : -1
  const own = cut < 0 ? argv : argv.slice(0, cut)
  const { values, words } = readOptions(command.options, own, env, command.environmentPrefix)
  const limit = command.words ?? 0
  if (words.length > limit) {
    const extra = words[limit]
    throw usageError(
      limit === 0 ? `it takes no argument, got '${extra}'` : `'${extra}' is one argument too many`,
    )
  }
  return { options: values, words, passedOn: cut < 0 ? [] : argv.slice(cut + 1) }
}

/** Runs a command to its exit code: prints help, usage errors, refusals and AWS's errors as sentences. */
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
    const message = error instanceof Stop ? error.message : explain(error)
    console.error(`${name}: ${message}${code === EXIT.usage ? ` (scripts/${name} --help)` : ''}`)
    process.exit(code)
  }
}

/** Aborted by the first SIGINT, SIGTERM or SIGHUP, which then no longer end the process. */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => controller.abort())
  }
  return controller.signal
}
