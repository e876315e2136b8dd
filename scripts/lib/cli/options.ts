import { parseArgs } from 'node:util'
import { usageError } from './errors.ts'
import { pairs } from './format.ts'
import { suggestion } from './nearest.ts'

/** One option of a command: how it is parsed, its default and its help. */
export interface Option<T> {
  /** Placeholder for the value in the help; undefined: a flag. */
  readonly placeholder?: string
  readonly help: string
  readonly fallback: T
  /** The fallback as shown in the help, if different. */
  readonly shownFallback?: string
  readonly short?: string
  /** Its name until it was renamed, which is still accepted. */
  readonly formerly?: string
  readonly multiple?: boolean
  /** All that it may be; for completion. */
  readonly choices?: readonly string[]
  /** The verbs that go by it; undefined: all. */
  readonly verbs?: readonly string[]
  /** Heading above this option in the help. */
  readonly heading?: string
  /** Parses the given texts, at least one. Throws a usage error that begins with `name`. */
  parse(texts: string[], name: string): T
}

// biome-ignore lint/suspicious/noExplicitAny: a table has options of any type
export type OptionTable = Record<string, Option<any>>

type CamelCase<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S

/** The values of a table's options: `--poll-seconds` is `pollSeconds`. */
export type Values<T extends OptionTable> = {
  [Name in keyof T & string as CamelCase<Name>]: T[Name] extends Option<infer V> ? V : never
}

const last = (texts: string[]): string => texts.at(-1) as string

export const flag = (help: string): Option<boolean> => ({
  help,
  fallback: false,
  parse: ([text]) => text === '1' || text === 'true',
})

export function text(placeholder: string, help: string): Option<string | undefined>
export function text(placeholder: string, help: string, fallback: string): Option<string>
export function text(
  placeholder: string,
  help: string,
  fallback?: string,
): Option<string | undefined> {
  return { placeholder, help, fallback, parse: last }
}

/** An option that may be given several times; in the environment, separated by commas. */
export const list = (placeholder: string, help: string): Option<string[]> => ({
  placeholder,
  help,
  fallback: [],
  shownFallback: '',
  multiple: true,
  parse: (texts) => texts,
})

interface Limits {
  min?: number
  max?: number
  whole?: boolean
}

export function number(help: string, fallback: number, limits?: Limits): Option<number>
export function number(
  help: string,
  fallback: undefined,
  limits: Limits & { shown: string; formerly?: string },
): Option<number | undefined>
export function number(
  help: string,
  fallback: number | undefined,
  {
    min = 0,
    max = 1e9,
    whole = false,
    shown,
    formerly,
  }: Limits & { shown?: string; formerly?: string } = {},
): Option<number | undefined> {
  return {
    placeholder: 'N',
    help,
    fallback,
    ...(shown !== undefined && { shownFallback: shown }),
    ...(formerly !== undefined && { formerly }),
    parse(texts, name) {
      const value = last(texts).trim() === '' ? Number.NaN : Number(last(texts))
      if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value
      throw usageError(
        `${name} needs a ${whole ? 'whole ' : ''}number from ${min} to ${max}, got '${last(texts)}'`,
      )
    },
  }
}

/** One of `choices`; undefined when it is not given. */
export const oneOf = <const T extends readonly string[]>(
  placeholder: string,
  help: string,
  choices: T,
): Option<T[number] | undefined> => ({
  ...parsed(placeholder, help, (text) => choices.find((choice) => choice === text), {
    wants: choices.join(' or '),
  }),
  choices,
})

/** A value from `parse`, which returns undefined for an invalid text; `wants` describes a valid one. */
export function parsed<T>(
  placeholder: string,
  help: string,
  parse: (text: string) => T | undefined,
  { wants, shown }: { wants: string; shown?: string },
): Option<T | undefined> {
  return {
    placeholder,
    help,
    fallback: undefined,
    ...(shown !== undefined && { shownFallback: shown }),
    parse(texts, name) {
      const value = parse(last(texts))
      if (value === undefined) throw usageError(`${name} needs ${wants}, got '${last(texts)}'`)
      return value
    },
  }
}

/** An option that only these verbs go by. */
export const only = <T>(verbs: readonly string[], option: Option<T>): Option<T> => ({
  ...option,
  verbs,
})

/** These options under their own heading in the help. */
export function under<T extends OptionTable>(heading: string, table: T): T {
  const [first, ...rest] = Object.entries(table)
  if (!first) return table
  return Object.fromEntries([[first[0], { ...first[1], heading }], ...rest]) as T
}

/**
 * The options of `table` as set by `argv`, and its positional arguments. An option that is not given is read from the
 * environment variable named after it, such as PREFIX_POLL_SECONDS; `remarks` says which variables with that prefix name
 * no option. Throws a usage error for anything invalid.
 */
export function readOptions<T extends OptionTable>(
  table: T,
  argv: string[],
  env: Record<string, string | undefined> = {},
  prefix?: string,
): { values: Values<T>; words: string[]; remarks: string[] } {
  const { given, words } = parseWords(table, argv)
  const variableOf = (name: string): string =>
    `${prefix}_${name.replaceAll('-', '_').toUpperCase()}`
  const known = new Set<string>()
  const values = Object.entries(table).map(([name, option]) => {
    const names = [name, ...(option.formerly ? [option.formerly] : [])]
    for (const each of names) known.add(variableOf(each))
    const used = names.find((each) => given[each])
    if (used) return [camelCase(name), option.parse(given[used] as string[], `--${used}`)]
    const variable = names.map(variableOf).find((each) => prefix !== undefined && env[each])
    if (!variable) return [camelCase(name), option.fallback]
    const text = env[variable] as string
    if (option.placeholder === undefined && !/^(0|1|true|false)$/.test(text)) {
      throw usageError(`${variable} needs 1 or 0, got '${text}'`)
    }
    return [camelCase(name), option.parse(option.multiple ? text.split(',') : [text], variable)]
  })
  const unknown = Object.keys(env).filter(
    (each) => prefix !== undefined && each.startsWith(`${prefix}_`) && !known.has(each),
  )
  const remarks = unknown.map((each) => `${each} is ignored: there is no such option`)
  return { values: Object.fromEntries(values) as Values<T>, words, remarks }
}

function parseWords(
  table: OptionTable,
  argv: string[],
): { given: Record<string, string[] | undefined>; words: string[] } {
  const options = Object.fromEntries(
    Object.entries(table).flatMap(([name, { placeholder, short, formerly }]) => {
      const type = placeholder ? 'string' : 'boolean'
      const option = { type, multiple: true, ...(short && { short }) } as const
      return [[name, option], ...(formerly ? [[formerly, option]] : [])]
    }),
  )
  // As the value of an option, a negative number is no option.
  const args: string[] = []
  for (const word of argv) {
    const before = args.at(-1) ?? ''
    const isValue = /^-\d/.test(word) && options[before.replace(/^--/, '')]?.type === 'string'
    if (isValue) args.push(`${args.pop()}=${word}`)
    else args.push(word)
  }
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const given = Object.entries(values).map(([name, all]) => [
      name,
      (all as (string | boolean)[]).map(String),
    ])
    return { given: Object.fromEntries(given), words: positionals }
  } catch (error) {
    const [sentence = ''] = (error as Error).message.split(/\. To specify|\n/)
    const [, unknown] = /^Unknown option '(--?[^']+)'$/.exec(sentence) ?? []
    const names = Object.keys(table).map((name) => `--${name}`)
    throw usageError(sentence + (unknown ? suggestion(unknown, names) : ''))
  }
}

const camelCase = (name: string): string =>
  name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

/** The options as lines of a help text, below their headings. */
export function optionLines(table: OptionTable, columns: number): string[] {
  const headings = Object.values(table).map(({ heading }) => heading)
  const rows = Object.entries(table).map(([name, option]) => {
    const { placeholder, short, fallback, shownFallback, formerly } = option
    const help = option.help + (formerly ? `; --${formerly} is its former name` : '')
    const shown = shownFallback ?? (typeof fallback === 'boolean' ? '' : (fallback ?? ''))
    return [
      `  ${short ? `-${short}, ` : ''}--${name}${placeholder ? ` ${placeholder}` : ''}`,
      shown === '' ? help : `${help} (${shown})`,
    ]
  })
  return pairs(rows, columns).flatMap((text, index) => {
    const heading = headings[index]
    return [...(heading ? [...(index > 0 ? [''] : []), heading] : []), text]
  })
}
