import type { Command } from '../../scripts/lib/cli.ts'
import { flag, number, parsed } from '../../scripts/lib/options.ts'

export const CONTENDERS = ['service', 'gin', 'plain', 'floor', 'single'] as const
export type ContenderName = (typeof CONTENDERS)[number]

const options = {
  rounds: number('how many times every contender is measured', 5, {
    min: 1,
    max: 100,
    whole: true,
  }),
  seconds: number('how long each of GET and PUT is measured in a round', 5, {
    min: 1,
    max: 60,
    whole: true,
  }),
  only: {
    ...parsed('NAMES', `some of ${CONTENDERS.join(', ')}, separated by commas`, readNames, {
      wants: `some of ${CONTENDERS.join(', ')}, separated by commas`,
      shown: 'all of them',
    }),
    fallback: CONTENDERS as readonly ContenderName[],
  },
  json: flag(
    'the figures as one JSON document on standard output; progress stays on standard error',
  ),
}

export const command: Command<typeof options> = {
  name: 'bench',
  synopsis: `
usage: scripts/bench [--rounds N] [--seconds N] [--json]

Measures the executable in dist (compiled if missing) against a Go peer on gin, plain Go, and bare Bun.serve
with batched and with single commands, all on the same Redis, in alternating rounds. Server on core 0; load, Redis and this script on core 1.`,
  options,
  notes: `
Needs two cores, Linux, Go 1.26 or later, and wrk and redis-server, which it installs on Debian and Ubuntu.

exit codes: 0 measured, whether or not the targets were met; 1 could not measure; 2 wrong usage; 130 interrupted`,
}

export interface Options {
  rounds: number
  seconds: number
  only: readonly ContenderName[]
  json: boolean
}

function readNames(text: string): ContenderName[] | undefined {
  const asked = text.split(',')
  const known = CONTENDERS.filter((name) => asked.includes(name))
  return known.length === asked.length ? known : undefined
}
