import { connect } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { commentFor } from '../aws/ssm.ts'
import { type Command, interruption, readVerb, runCommand } from '../cli/command.ts'
import { usageError } from '../cli/errors.ts'
import { flag, number, only, text } from '../cli/options.ts'
import { FleetWatch } from '../fleet/fleet.ts'
import { keepStore } from '../ops/backup.ts'
import { operate } from '../ops/operate.ts'
import type { Verb } from '../ops/settings.ts'
import { service } from '../service.ts'

const VERBS: Record<Verb, string> = {
  status: 'release, age, zone and health of each instance',
  logs: "the last lines of the service's journal; -f follows",
  bundle: 'evidence for a post-mortem: units, journal, health, resources; one file per instance',
  restart: 'restart the service, one instance at a time, each healthy before the next',
  reload: 'have the service read its secrets again, and wait until every worker uses them',
  drain: 'take an instance out of service without stopping it; another is launched in its place',
  undrain: 'put it back',
  replace: 'end an instance, once another serves in its place',
  shell: 'an interactive session (needs the AWS CLI and its session-manager-plugin)',
  backup: 'take a snapshot of the store, and print its name once it is complete',
  drill: 'restore a snapshot beside the store, compare the two, and remove the copy',
  'drop-copy': 'remove the copy that a drill has kept',
}

const CHANGES: Verb[] = [
  'restart',
  'reload',
  'drain',
  'undrain',
  'replace',
  'shell',
  'backup',
  'drill',
  'drop-copy',
]
const NEEDS_ONE: Verb[] = ['drain', 'undrain', 'replace', 'shell']
const OF_STORE: Verb[] = ['backup', 'drill', 'drop-copy']

/** AWS takes so much longer to make a store than an instance for a command. */
const STORE_STEP = 12

const options = {
  group: text('NAME', 'Auto Scaling group', `${service.name}-production`),
  region: text('NAME', "AWS region (AWS_REGION, or the profile's)"),
  reason: only([...CHANGES, 'bundle'], text('TEXT', 'why; recorded with the command', '')),
  lines: only(
    ['logs'],
    number('number of journal lines', 200, { min: 1, max: 99_999, whole: true }),
  ),
  follow: only(['logs'], { ...flag('keep printing new lines until Ctrl-C'), short: 'f' }),
  out: only(['bundle'], text('DIR', 'directory for the files', '.')),
  json: flag('print the result as JSON; of logs -f, an object for each line'),
  unspaced: only(
    ['restart'],
    flag('do not wait for a minute in which all are healthy: the alarm unhealthy-hosts may ring'),
  ),
  snapshot: only(['drill'], {
    ...text('NAME', 'the snapshot to restore'),
    shownFallback: 'one that is taken now',
  }),
  keep: only(['drill'], flag('leave the copy there; it costs as much as a node for each shard')),
  'poll-seconds': number('time between polls of a command', 1),
  'timeout-seconds': number(
    'time limit for one command on one instance; twelve times that for a step about the store',
    300,
  ),
}

export const command: Command<typeof options> = {
  name: 'ops',
  synopsis: `
usage: scripts/ops status [options]
       scripts/ops logs [-f] [INSTANCE…] [options]
       scripts/ops bundle [INSTANCE…] [options]
       scripts/ops restart [INSTANCE…] --reason TEXT [options]
       scripts/ops reload [INSTANCE…] --reason TEXT [options]
       scripts/ops drain | undrain | replace INSTANCE --reason TEXT [options]
       scripts/ops shell INSTANCE --reason TEXT [options]
       scripts/ops backup | drill | drop-copy --reason TEXT [options]

Operates the instances of a group through SSM documents. SSM keeps who did what, and why, for 30 days.

Without INSTANCE: every instance in service.`,
  explain,
  verbs: VERBS,
  options,
  examples: [
    ['ops status', 'what runs, and how it is'],
    ['ops logs -f i-0123456789abcdef0', 'follow the journal of one instance'],
    ['ops restart --reason TICKET-1', 'restart all, one at a time'],
    ['ops drill --reason monthly', 'prove that a backup of the store can be restored'],
  ],
  notes:
    'exit codes: 0 done, 1 refused, 2 usage, 4 failed on an instance, 5 timed out, 130 interrupted',
  words: Infinity,
}

function readWords(words: string[], reason: string): { verb: Verb; instances: string[] } {
  const [word, ...instances] = words
  const verb = readVerb(VERBS, word)
  const odd = instances.find((id) => !/^i-[0-9a-f]{8,17}$/.test(id))
  if (odd) throw usageError(`'${odd}' is not an instance id; scripts/ops status lists them`)
  if (OF_STORE.includes(verb) && instances.length > 0) {
    throw usageError(`${verb} is about the store: it takes no instance`)
  }
  if (NEEDS_ONE.includes(verb) && instances.length !== 1) {
    throw usageError(`${verb} needs one instance id`)
  }
  if (CHANGES.includes(verb) && !reason) {
    throw usageError(`${verb} needs --reason TEXT, which is recorded with the command`)
  }
  return { verb, instances }
}

if (import.meta.main) {
  await runCommand(command, async ({ options, words }) => {
    const { verb, instances } = readWords(words, options.reason)
    const { group, region, pollSeconds, timeoutSeconds } = options
    // Elsewhere Ctrl-C ends the process at once: there is nothing to undo.
    const signal =
      verb === 'restart' || verb === 'drill' || options.follow
        ? interruption()
        : new AbortController().signal
    const aws = connect(region)
    const watch = new FleetWatch(aws, group)
    const ops = {
      aws,
      watch,
      group,
      comment: await commentFor(aws, verb, options.reason),
      pollMs: pollSeconds * 1000,
      followMs: pollSeconds * 5000,
      timeoutMs: timeoutSeconds * 1000,
      signal,
      print: (line: string) => console.log(line),
      note: (line: string) => console.error(line),
      warn: (line: string) => console.error(line),
    }
    if (verb === 'backup' || verb === 'drill' || verb === 'drop-copy') {
      const timeoutMs = STORE_STEP * ops.timeoutMs
      return await keepStore({ ...ops, timeoutMs }, verb, options)
    }
    return await operate(ops, await watch.snapshot(), { ...options, verb, instances })
  })
}
