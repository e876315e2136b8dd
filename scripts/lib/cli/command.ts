import { EXIT, Stop, usageError } from './errors.ts'
import { fileProblem } from './files.ts'
import { columnsOf, pairs, printable, wrapped } from './format.ts'
import { git } from './git.ts'
import { suggestion } from './nearest.ts'
import { type OptionTable, optionLines, readOptions, type Values } from './options.ts'

const HELP_COLUMNS = 118

/** A command, run as scripts/NAME. */
export interface Command<T extends OptionTable> {
  name: string
  /** Usage and description: the help above the options. */
  synopsis: string
  options: T
  /** The help below the options; at least the exit codes. */
  notes: string
  /** What it can do, each with its help, if the first word says what to do. */
  verbs?: Record<string, string>
  /** Command lines without `scripts/`, and what each does. */
  examples: [string, string][]
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

/** The help of a command, or of one of its verbs alone, at most `columns` wide where it is not a table. */
function helpOf(command: Command<OptionTable>, verb: string | undefined, columns: number): string {
  const { synopsis, verbs = {}, options, notes, examples } = command
  const own = Object.entries(options).filter(
    ([, each]) => !verb || (each.verbs?.includes(verb) ?? true),
  )
  const named = (line: string): boolean => !verb || new RegExp(`\\b${verb}\\b`).test(line)
  const [usage = '', ...about] = synopsis.trim().split('\n\n')
  const forms = usage.split('\n').filter(named)
  const rows = Object.entries(verbs).map(([each, help]) => [`  ${each}`, help])
  const lines = [
    `usage: ${forms.map((line) => wrapped(line.replace('usage:', ''), columns - 11).join('\n           ')).join('\n       ')}`,
    verb ? verbs[verb] : reflowed(about.join('\n\n'), columns),
    verb ? '' : pairs(rows, columns).join('\n'),
    optionLines(Object.fromEntries(own), columns).join('\n'),
    pairs(
      examples.filter(([line]) => named(line)).map(([line, help]) => [`  scripts/${line}`, help]),
      columns,
    ).join('\n'),
    reflowed(notes, columns),
  ]
  return lines.filter(Boolean).join('\n\n')
}

/** Paragraphs, of which those that are tables stay as they are. */
const reflowed = (text: string, columns: number): string =>
  text
    .trim()
    .split('\n\n')
    .map((each) => (/^ {2}\S/m.test(each) ? each : wrapped(each, columns).join('\n')))
    .join('\n\n')

/** The verb that the first word names. Throws a usage error for none, or one that does not exist. */
export function readVerb<V extends string>(verbs: Record<V, unknown>, word: string | undefined): V {
  const names = Object.keys(verbs) as V[]
  if (word === undefined) throw usageError(`say what to do: ${names.join(', ')}`)
  const verb = names.find((each) => each === word)
  if (verb) return verb
  throw usageError(`there is no verb '${word}'${suggestion(word, names)}`)
}

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
  const own = argv.slice(
    0,
    command.passesOn && argv.includes('--') ? argv.indexOf('--') : undefined,
  )
  try {
    if (own.includes('--help') || own.includes('-h')) {
      const verb = own.find((word) => Object.hasOwn(command.verbs ?? {}, word))
      console.log(helpOf(command, verb, Math.min(HELP_COLUMNS, columnsOf(process.stdout))))
      process.exit(EXIT.ok)
    }
    if (own.includes('--version')) {
      console.log(`${name} ${await ownCommit()}`)
      process.exit(EXIT.ok)
    }
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

/** The commit of these scripts. */
async function ownCommit(): Promise<string> {
  const [commit, changes] = [
    await git(import.meta.dir, 'rev-parse', '--short=12', 'HEAD'),
    await git(import.meta.dir, 'status', '--porcelain', '--', '..'),
  ]
  return commit.stdout + (changes.stdout ? '-dirty' : '')
}

/** Aborted by the first SIGINT, SIGTERM or SIGHUP, none of which then ends the process. */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => controller.abort())
  }
  return controller.signal
}
