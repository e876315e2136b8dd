import { parse, toNumber, usageError } from '../../scripts/lib/cli.ts'
import { SCENARIO_NAMES, type ScenarioName } from './scenario-names.ts'

export const USAGE = `
usage: sudo scripts/rehearse [--scenario NAME|all] [options]

Rolls a fleet from one release to the next on this machine, under load, and says what became of every request: images
built and baked from this tree's last commit, instances booted from them, HAProxy with the rules of the load balancer,
Redis, a double of AWS, and the unmodified scripts/rollout and scripts/smoke.

  --scenario NAME     rollout (default), or one of the following, or all
${Object.entries(SCENARIO_NAMES)
  .map(([name, text]) => `      ${name.padEnd(22)}${text}`)
  .join('\n')}

  --instances N       in the fleet (3)
  --rate R            requests a second at a constant rate (500), half GET and half PUT
  --clients N         closed-loop clients on top (8)
  --rounds N          rollouts in a row, A to B to A and so on, for the scenario rollout (1)
  --from COMMIT       the release to start from (HEAD); the other one is always of HEAD
  --pace N            how much faster than on AWS the waits pass that only wait (10): warm-up, checkpoint, bake, alarm
                      periods. Health checks, draining, boot and the service's own times are always real.
  --json FILE         the receipt as JSON in a file too; - is standard output
  --html FILE         and its page (.rehearsal/last/SCENARIO.html by default)
  --verbose           show what scripts/rollout prints

It makes the network namespace hello-rehearsal and removes it with everything in it at the end, also after Ctrl-C; what
a killed run left is removed by the next. Nothing of it reaches outside. Logs stay in .rehearsal/last.

exit codes: 0 every expectation was met, 1 refused, 2 usage, 4 an expectation was not met, 130 interrupted
`

export interface Options {
  scenarios: ScenarioName[]
  instances: number
  rate: number
  clients: number
  rounds: number
  from: string
  pace: number
  json: string | undefined
  html: string | undefined
  verbose: boolean
}

/** Throws a usage error for anything it cannot take. */
export function readOptions(argv: string[]): Options {
  const TEXT = { type: 'string' } as const
  const { values, positionals } = parse(argv, {
    scenario: TEXT,
    instances: TEXT,
    rate: TEXT,
    clients: TEXT,
    rounds: TEXT,
    from: TEXT,
    pace: TEXT,
    json: TEXT,
    html: TEXT,
    verbose: { type: 'boolean', default: false },
  })
  if (positionals.length > 0) throw usageError(`it takes no argument, got '${positionals[0]}'`)
  const number = (
    name: keyof typeof values,
    standard: number,
    limits: { min: number; max: number },
  ) => (values[name] === undefined ? standard : toNumber(name, String(values[name]), limits))
  const whole = (
    name: keyof typeof values,
    standard: number,
    limits: { min: number; max: number },
  ) => {
    const value = number(name, standard, limits)
    if (!Number.isInteger(value))
      throw usageError(`--${name} wants a whole number, got '${values[name]}'`)
    return value
  }
  const scenarios = readScenario(values.scenario ?? 'rollout')
  if (values.html !== undefined && scenarios.length > 1) {
    throw usageError('--html names one file, but there is a page for each of all scenarios')
  }
  return {
    scenarios,
    instances: whole('instances', 3, { min: 2, max: 20 }),
    rate: number('rate', 500, { min: 1, max: 20_000 }),
    clients: whole('clients', 8, { min: 0, max: 200 }),
    rounds: whole('rounds', 1, { min: 1, max: 100 }),
    from: values.from ?? 'HEAD',
    pace: number('pace', 10, { min: 1, max: 20 }),
    json: values.json,
    html: values.html,
    verbose: values.verbose ?? false,
  }
}

function readScenario(name: string): ScenarioName[] {
  const names = Object.keys(SCENARIO_NAMES) as ScenarioName[]
  if (name === 'all') return names.filter((each) => !each.startsWith('wrong-'))
  if (names.includes(name as ScenarioName)) return [name as ScenarioName]
  throw usageError(`there is no scenario '${name}': ${names.join(', ')} or all`)
}
