import { explain } from '../../../scripts/lib/aws/errors.ts'
import type { Command } from '../../../scripts/lib/cli/command.ts'
import { usageError } from '../../../scripts/lib/cli/errors.ts'
import { flag, number, parsed, text } from '../../../scripts/lib/cli/options.ts'
import { MARGIN_SECONDS } from './balancer/lag.ts'
import { NAMESPACE } from './names.ts'
import { SCENARIO_NAMES, type ScenarioName } from './scenarios/names.ts'

const options = {
  scenario: {
    ...parsed('NAME', 'one of the above, or all', readScenario, {
      wants: `${Object.keys(SCENARIO_NAMES).join(', ')} or all`,
      shown: 'rollout',
    }),
    fallback: ['rollout'] as ScenarioName[],
  },
  instances: number('instances in the fleet', 3, { min: 2, max: 20, whole: true }),
  rate: number('requests per second at a constant rate, half reads and half writes', 500, {
    min: 1,
    max: 20_000,
  }),
  clients: number('additional closed-loop clients', 8, { max: 200, whole: true }),
  rounds: number('rollouts in a row, A to B to A and so on; only for rollout and deploy', 1, {
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
usage: sudo scripts/rehearse [--scenario NAME|all] [options]

Rolls a fleet from one release to the next on this machine, under load, and reports the outcome of every request:
images built and baked from this tree's last commit, instances booted from them, HAProxy with the load balancer's rules,
Redis, a double of AWS, and the unmodified scripts/rollout, scripts/smoke and scripts/deploy.

${Object.entries(SCENARIO_NAMES)
  .map(([name, text]) => `  ${name.padEnd(22)}${text}`)
  .join('\n')}
`,
  explain,
  options,
  notes: `
It creates the network namespace ${NAMESPACE} and removes it with everything in it at the end, even after Ctrl-C;
the next run removes what a killed one left. Nothing in it has access to the outside. Logs stay in .rehearsal/last.

exit codes: 0 every expectation was met, 1 refused, 2 usage, 4 an expectation was not met, 130 interrupted`,
}

export interface Options {
  scenarios: ScenarioName[]
  instances: number
  rate: number
  clients: number
  rounds: number
  from: string
  pace: number
  lag: number
  seed: number
  map: boolean
  json: string | undefined
  html: string | undefined
  verbose: boolean
}

function readScenario(name: string): ScenarioName[] | undefined {
  const names = Object.keys(SCENARIO_NAMES) as ScenarioName[]
  if (name === 'all') return names.filter((each) => !each.startsWith('wrong-'))
  return names.includes(name as ScenarioName) ? [name as ScenarioName] : undefined
}

/** Rejects contradictory options. */
export function refuseContradictions({ scenarios, html, map }: Options): void {
  if (map && scenarios.join() !== 'rollout') {
    throw usageError('--map plays no scenario: give one of --map and --scenario')
  }
  if (html !== undefined && scenarios.length > 1) {
    throw usageError('--html names one file, but each scenario has its own page')
  }
}
