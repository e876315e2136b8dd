export const USAGE = `usage: scripts/bench [--rounds N] [--seconds N] [--json]

Measures dist/hello-linux-ARCH (compiled when it is not there) against a Go peer on gin, plain Go, and bare
Bun.serve, all on the same Redis, in alternating rounds. Server on core 0; load, Redis and this script on core 1.

  --rounds N     how often every contender is measured, 1 to 100 (5)
  --seconds N    how long each of GET and PUT is measured in a round, 1 to 60 (5)
  --only NAMES   some of hello, gin, plain, floor, separated by commas (all of them)
  --json         the figures as one JSON document on standard output; progress stays on standard error
  --help         this text

Needs two cores, Linux, Go 1.26 or later, and wrk and redis-server, which it installs on Debian and Ubuntu.
Exit codes: 0 measured, whether or not the targets were met; 1 could not measure; 2 wrong usage; 130 interrupted.`

export const CONTENDERS = ['hello', 'gin', 'plain', 'floor'] as const
export type ContenderName = (typeof CONTENDERS)[number]

export interface Options {
  rounds: number
  seconds: number
  only: readonly ContenderName[]
  json: boolean
  help: boolean
}

/** A command line that is not understood. */
export class UsageError extends Error {}

/** What the words after `scripts/bench` ask for. Throws `UsageError`. */
export function parseOptions(words: readonly string[]): Options {
  const options: Options = { rounds: 5, seconds: 5, only: CONTENDERS, json: false, help: false }
  const rest = [...words]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--json') options.json = true
    else if (word === '--help' || word === '-h') options.help = true
    else if (word === '--rounds') options.rounds = wholeNumber(word, rest.shift(), 100)
    else if (word === '--seconds') options.seconds = wholeNumber(word, rest.shift(), 60)
    else if (word === '--only') options.only = names(rest.shift())
    else throw new UsageError(`unknown: ${word}`)
  }
  return options
}

function wholeNumber(option: string, value: string | undefined, most: number): number {
  const number = /^\d+$/.test(value ?? '') ? Number(value) : 0
  if (number < 1 || number > most) {
    throw new UsageError(`${option} got ${value ?? 'nothing'}, wants a whole number, 1 to ${most}`)
  }
  return number
}

function names(value: string | undefined): ContenderName[] {
  const asked = value?.split(',') ?? []
  const known = CONTENDERS.filter((name) => asked.includes(name))
  if (asked.length === 0 || known.length !== asked.length) {
    throw new UsageError(
      `--only got ${value ?? 'nothing'}, wants some of ${CONTENDERS.join(', ')}, separated by commas`,
    )
  }
  return known
}
