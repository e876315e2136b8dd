import { explain } from '../../../scripts/lib/aws/errors.ts'
import type { Command } from '../../../scripts/lib/cli/command.ts'
import { usageError } from '../../../scripts/lib/cli/errors.ts'
import { flag, number, parsed, text, type Values } from '../../../scripts/lib/cli/options.ts'

export const CONTENDERS = [
  'service',
  'gin',
  'plain',
  'floor',
  'single',
  'native',
  'native-single',
] as const
export type ContenderName = (typeof CONTENDERS)[number]

/** Those that implement nothing of the API but one read and one write. */
export const FLOORS: readonly ContenderName[] = ['floor', 'single', 'native', 'native-single']

const whole = (help: string, fallback: number, min: number, max: number) =>
  number(help, fallback, { min, max, whole: true })

const options = {
  rounds: whole('how many times every contender is measured', 5, 1, 100),
  seconds: whole('how long each of GET and PUT is measured in a round', 5, 1, 60),
  only: parsed('NAMES', `some of ${CONTENDERS.join(', ')}, separated by commas`, readNames, {
    wants: `some of ${CONTENDERS.join(', ')}, separated by commas`,
    shown: 'all that the store allows',
  }),
  production: flag('a cluster of three primaries with TLS, and tokens, as production has them'),
  'wait-replicas': whole(
    'with --production, how many replicas each primary has, and each write waits for',
    0,
    0,
    1,
  ),
  sqlite: flag(
    'the embedded store instead of Redis: the service alone, beside the limit of the disk',
  ),
  users: whole('how many users take turns', 1000, 1, 1_000_000),
  workers: whole('how many cores the server has, with a worker or a Go thread on each', 1, 1, 64),
  latency: flag('then the latency at 25, 50 and 75 % of the most that each contender can do'),
  soak: whole('then the memory after as many seconds at full load; 0: leave it out', 0, 0, 86_400),
  plot: text('FILE', 'write the figures as a picture, too, in SVG'),
  json: flag(
    'the figures as one JSON document on standard output; progress stays on standard error',
  ),
}

export const command: Command<typeof options> = {
  name: 'bench',
  synopsis: `
usage: scripts/bench [--production | --sqlite] [--latency] [--plot FILE] [--json]

Measures the executable in dist (compiled if missing) against a Go peer on gin, plain Go, and bare Bun.serve
with batched and with single commands, all on the same store, in alternating rounds. Server on core 0; load, store
and this script on the others.`,
  explain,
  options,
  notes: `
Needs two cores, Linux, Go 1.26 or later, and wrk and redis-server, which it installs on Debian and Ubuntu.

exit codes: 0 measured, whether or not the targets were met; 1 could not measure; 2 wrong usage; 130 interrupted`,
}

/** The options, with the contenders that are measured. */
export type Options = Values<typeof options> & { only: readonly ContenderName[] }

/** Throws a usage error for options that exclude each other. */
export function settle(given: Values<typeof options>): Options {
  const { production, sqlite, waitReplicas } = given
  if (production && sqlite) throw usageError('--production is Redis: leave out it or --sqlite')
  if (waitReplicas > 0 && !production) throw usageError('--wait-replicas needs --production')
  const possible = CONTENDERS.filter((name) =>
    sqlite ? name === 'service' : !(production && name.startsWith('native')),
  )
  const only = given.only ?? possible
  const impossible = only.find((name) => !possible.includes(name))
  if (impossible) {
    const reason = sqlite ? 'has no SQLite' : "uses Bun's client, which knows no cluster"
    throw usageError(`--only needs some of ${possible.join(', ')} here: ${impossible} ${reason}`)
  }
  return { ...given, only }
}

function readNames(text: string): ContenderName[] | undefined {
  const asked = text.split(',')
  const known = CONTENDERS.filter((name) => asked.includes(name))
  return known.length === asked.length ? known : undefined
}
