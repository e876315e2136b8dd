import { explain } from '../../../scripts/lib/aws/errors.ts'
import type { Command } from '../../../scripts/lib/cli/command.ts'
import { flag, number, parsed, type Values } from '../../../scripts/lib/cli/options.ts'
import { CONTENDERS, type ContenderName } from './contenders.ts'

const whole = (help: string, fallback: number, max: number) =>
  number(help, fallback, { min: 1, max, whole: true })

const options = {
  rounds: whole('how many times every contender is measured', 5, 100),
  seconds: whole('how long each of GET and PUT is measured in a round', 5, 600),
  only: parsed('NAMES', `some of ${CONTENDERS.join(', ')}, separated by commas`, readNames, {
    wants: `some of ${CONTENDERS.join(', ')}, separated by commas`,
    shown: 'all',
  }),
  production: flag('a cluster of three primaries with TLS, and tokens, as production has them'),
  record: flag(
    'measure one Redis, then as in production; write figures, pictures and tables of test/lab/bench',
  ),
  json: flag(
    'the figures as one JSON document on standard output; progress stays on standard error',
  ),
}

export type Options = Values<typeof options>

export const command: Command<typeof options> = {
  name: 'bench',
  synopsis: `
usage: scripts/bench [--production] [--only NAMES] [--json]
       scripts/bench --record

Measures the executable in dist (compiled if missing) against Go peers on gin and on rueidis, the limit of its
runtime and client, and Bun alone, all on the same store, in alternating rounds. Each on core 0; load, store and
this script on the others.`,
  examples: [['bench', 'all contenders, as in the note']],
  explain,
  options,
  notes: `
Needs two cores, Linux, Go 1.26 or later, and wrk and redis-server, which it installs on Debian and Ubuntu.

exit codes: 0 measured, whether or not the targets were met; 1 could not measure; 2 wrong usage; 130 interrupted`,
}

function readNames(text: string): ContenderName[] | undefined {
  const asked = text.split(',')
  const known = CONTENDERS.filter((name) => asked.includes(name))
  return known.length === asked.length ? known : undefined
}
