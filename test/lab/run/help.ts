import { wrapped } from '../../../scripts/lib/cli/format.ts'
import { NEEDS } from './needs.ts'
import { PARTS, type Part } from './parts.ts'

const WIDTH = 120

/** The text of --help: what each part proves, needs and takes. */
export function usage(): string {
  const lines = Object.entries(PARTS).flatMap(([name, part]) => [
    `  ${name.padEnd(11)}${part.proves}`,
    ...wrapped(`${whenRun(part)}${duration(part.seconds)}${needed(part)}`, WIDTH - 13).map(
      (line) => `${' '.repeat(13)}${line}`,
    ),
  ])
  return `usage: scripts/test                        what matters most, in five minutes, without root where the tools are there
       scripts/test --all                  everything, which is what continuous integration runs
       scripts/test PART | PART/FILE…      these; binary/stop is test/*/binary/stop.test.ts

${lines.join('\n')}

What is missing is installed on Debian and Ubuntu, with root or sudo; Go and Terraform must be there already. Times are for
two cores with everything installed, of a part alone. The output of each file is in test/.cache/logs.

Exit codes: 0 everything passed, 1 something failed, 2 wrong usage, 3 nothing failed, but something asked for could not run.`
}

const whenRun = ({ byDefault }: Part) =>
  byDefault === true ? '' : byDefault ? `by default only ${byDefault.join(', ')}; ` : 'with --all; '

const duration = (seconds: number) =>
  seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`

function needed({ needs = [], also = {} }: Part): string {
  const says = [...needs, ...Object.values(also).flat()].flatMap((need) => {
    const kind = NEEDS[need]
    return 'says' in kind ? [kind.says] : []
  })
  return says.length === 0 ? '' : `; needs ${[...new Set(says)].join(', ')}`
}
