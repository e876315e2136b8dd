import { explain } from '../../../scripts/lib/aws/errors.ts'
import type { Command } from '../../../scripts/lib/cli/command.ts'
import { usageError } from '../../../scripts/lib/cli/errors.ts'
import { flag, number, type Option, text, type Values } from '../../../scripts/lib/cli/options.ts'
import { MARGIN_SECONDS } from './balancer/lag.ts'
import { REHEARSAL } from './names.ts'
import { SCENARIOS } from './scenarios/all.ts'

const scenario: Option<string[]> = {
  placeholder: 'NAME',
  help: 'some of the above, separated by commas, or all',
  fallback: ['deploy'],
  shownFallback: 'deploy',
  parse([text = ''], name) {
    const all = Object.keys(SCENARIOS)
    if (text === 'all') return all.filter((each) => !each.startsWith('wrong-'))
    const names = text.split(',')
    if (names.every((each) => all.includes(each))) return names
    throw usageError(`${name} needs some of ${all.join(', ')}, or all; got '${text}'`)
  },
}

const options = {
  scenario,
  'at-once': number('how many scenarios are played side by side', 1, {
    min: 1,
    max: 8,
    whole: true,
  }),
  instances: number('instances in the fleet', 3, { min: 2, max: 20, whole: true }),
  rate: number('requests per second at a constant rate, half reads and half writes', 500, {
    min: 1,
    max: 20_000,
  }),
  clients: number('additional closed-loop clients', 8, { max: 200, whole: true }),
  rounds: number('rollouts in a row, A to B to A and so on; only for deploy', 1, {
    min: 1,
    max: 100,
    whole: true,
  }),
  from: text(
    'COMMIT',
    'the release to start from; the other one is always built from HEAD',
    'HEAD',
  ),
  pace: number(
    "how much faster than on AWS pure waits pass: warm-up, checkpoint, bake, alarm periods. Health checks, draining, boot and the service's own timeouts are always real",
    10,
    { min: 1, max: 20 },
  ),
  lag: number(
    'how late the nodes of the load balancer hear of a change at most, in seconds; only for the scenario late',
    MARGIN_SECONDS,
    { min: 0, max: 600 },
  ),
  'failing-share': number(
    'the share of the requests at a constant rate that the faulty release fails; only for the scenario other-users',
    1,
    { min: 0.001, max: 1 },
  ),
  seed: number('of what is random: who hears how late', 1, { min: 0, max: 2 ** 31, whole: true }),
  map: flag(
    'play no scenario: the map of failed requests over how late the load balancer is and how long the service drains, 13 minutes',
  ),
  json: text('FILE', 'also write the receipt as JSON to a file; - is standard output'),
  html: text('FILE', 'write its page to a file (.rehearsal/last/SCENARIO.html by default)'),
  verbose: flag('show what scripts/rollout prints'),
}

export const command: Command<typeof options> = {
  name: 'rehearse',
  synopsis: `
usage: sudo scripts/rehearse [--scenario NAME,…|all] [options]

Rolls a fleet from one release to the next on this machine, under load, and reports the outcome of every request:
images built and baked from this tree's last commit, instances booted from them, HAProxy with the load balancer's rules,
Redis, a double of AWS, and the unmodified scripts/rollout, scripts/smoke and scripts/deploy.

${Object.entries(SCENARIOS)
  .map(([name, { shows }]) => `  ${name.padEnd(17)}${shows}`)
  .join('\n')}
`,
  examples: [
    ['rehearse', 'every scenario'],
    ['rehearse --list', 'what there is'],
  ],
  explain,
  options,
  notes: `
It creates the network namespace ${REHEARSAL}-N and removes it with everything in it at the end, even after Ctrl-C;
the next run removes what a killed one left. Nothing in it has access to the outside. Logs stay in .rehearsal/last.

exit codes: 0 every expectation was met, 1 refused, 2 usage, 4 an expectation was not met, 130 interrupted`,
}

export type Options = Values<typeof options>

/** Rejects contradictory options. */
export function refuseContradictions({ scenario, html, map }: Options): void {
  if (map && scenario.join() !== 'deploy') {
    throw usageError('--map plays no scenario: give one of --map and --scenario')
  }
  if (html !== undefined && scenario.length > 1) {
    throw usageError('--html names one file, but each scenario has its own page')
  }
}
