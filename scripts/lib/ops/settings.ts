import type { Aws } from '../aws/clients.ts'
import type { FleetWatch } from '../aws/fleet.ts'
import { parse, toNumber, usageError } from '../cli.ts'

export const USAGE = `
usage: scripts/ops status [options]
       scripts/ops logs [-f] [INSTANCE…] [options]
       scripts/ops bundle [INSTANCE…] [options]
       scripts/ops restart [INSTANCE…] --reason TEXT [options]
       scripts/ops drain | undrain INSTANCE --reason TEXT [options]
       scripts/ops shell INSTANCE --reason TEXT [options]

Operates the instances of a group through SSM documents. Who did what, and why, stands in SSM's command history.

  status     release, age, zone and health of each instance
  logs       the last lines of the service's journal; -f follows
  bundle     evidence for a post-mortem: units, journal, health, resources; one file for each instance
  restart    the service, one instance at a time, each healthy before the next
  drain      take an instance out of service without stopping it; another is launched in its place
  undrain    put it back
  shell      an interactive session (needs the AWS CLI and its session-manager-plugin)

Without INSTANCE: every instance in service.

  --group NAME         Auto Scaling group (hello-production)
  --region NAME        AWS region (AWS_REGION, or the profile's)
  --reason TEXT        why; kept beside the command
  --lines N            lines of the journal (200)
  -f, --follow         go on printing new lines until Ctrl-C
  --out DIR            where bundle writes its files (.)
  --json               status as JSON
  --poll-seconds N     between two looks at a command (1)
  --timeout-seconds N  for one command on one instance (300)

exit codes: 0 done, 1 refused, 2 usage, 4 failed on an instance, 5 timed out, 130 interrupted
`

export const VERBS = ['status', 'logs', 'bundle', 'restart', 'drain', 'undrain', 'shell'] as const
export type Verb = (typeof VERBS)[number]

export interface OpsSettings {
  verb: Verb
  instances: string[]
  group: string
  region: string | undefined
  reason: string
  lines: number
  follows: boolean
  out: string
  json: boolean
  pollMs: number
  timeoutMs: number
}

/** What the verbs work with. */
export interface Ops {
  aws: Aws
  watch: FleetWatch
  group: string
  /** Who and why, for SSM's command history. */
  comment: string
  pollMs: number
  followMs: number
  timeoutMs: number
  signal: AbortSignal
  /** A line of what was asked for, on stdout. */
  print: (line: string) => void
  /** Progress, on stderr. */
  say: (line: string) => void
  /** Something wrong, on stderr. */
  complain: (line: string) => void
}

const CHANGES: Verb[] = ['restart', 'drain', 'undrain', 'shell']
const NEEDS_ONE: Verb[] = ['drain', 'undrain', 'shell']
const TEXT = { type: 'string' } as const
const FLAG = { type: 'boolean' } as const

export function readSettings(argv: string[]): OpsSettings {
  const { values, positionals } = parse(argv, {
    group: TEXT,
    region: TEXT,
    reason: TEXT,
    lines: TEXT,
    follow: { type: 'boolean', short: 'f' },
    out: TEXT,
    json: FLAG,
    'poll-seconds': TEXT,
    'timeout-seconds': TEXT,
  })
  const [verb, ...instances] = positionals
  if (!verb) throw usageError(`say what to do: ${VERBS.join(', ')}`)
  if (!(VERBS as readonly string[]).includes(verb)) throw usageError(`there is no verb '${verb}'`)
  const known = verb as Verb
  const odd = instances.find((id) => !/^i-[0-9a-f]{8,17}$/.test(id))
  if (odd) throw usageError(`'${odd}' is no instance id; scripts/ops status lists them`)
  if (NEEDS_ONE.includes(known) && instances.length !== 1)
    throw usageError(`${verb} wants one instance id`)
  if (CHANGES.includes(known) && !values.reason) {
    throw usageError(`${verb} wants --reason TEXT, which is kept beside the command`)
  }
  return {
    verb: known,
    instances,
    group: values.group ?? 'hello-production',
    region: values.region,
    reason: values.reason ?? '',
    lines: toNumber('lines', values.lines ?? '200', { min: 1, max: 99_999 }),
    follows: values.follow === true,
    out: values.out ?? '.',
    json: values.json === true,
    pollMs: toNumber('poll-seconds', values['poll-seconds'] ?? '1') * 1000,
    timeoutMs: toNumber('timeout-seconds', values['timeout-seconds'] ?? '300') * 1000,
  }
}
