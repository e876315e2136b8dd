/** A command that has to fail for a mutant. */
export interface Proof {
  name: string
  command: string[]
  env?: Record<string, string>
}

const tests = (name: string, ...paths: string[]): Proof => ({
  name,
  command: [process.execPath, 'test', '--bail', '--timeout', '30000', ...paths],
})

const TYPES: Proof = { name: 'types', command: ['node_modules/.bin/tsc', '--project', '.'] }

const SIMULATION: Proof = {
  ...tests('simulation', './test/lab/simulation'),
  env: { SIMULATION_EPISODES: '500' },
}

const binary = (...files: string[]): Proof => ({
  name: 'binary',
  command: [
    ...['sh', '-euc', 'scripts/build >/dev/null; exec "$@"', 'sh'],
    ...tests('', ...files.map((file) => `./test/service/binary/${file}.test.ts`)).command,
  ],
})

interface Proven {
  /** Of which files. */
  files: string
  /** In the order of the time they take. */
  fast: Proof[]
  /** For what survives these. */
  slow: Proof[]
}

/** What proves each file that decides something; the first pattern that matches counts. */
export const PROVEN: Proven[] = [
  {
    files: 'src/store/*.ts',
    fast: [
      tests(
        'unit',
        './test/service/unit',
        './test/service/http/api.test.ts',
        './test/service/store/cluster-route.test.ts',
      ),
      TYPES,
    ],
    slow: [tests('store', './test/service/store'), binary('outage', 'durability')],
  },
  {
    files: 'src/**/*.ts',
    fast: [tests('unit', './test/service/unit', './test/service/http/api.test.ts'), TYPES],
    slow: [binary('cli', 'stop', 'systemd', 'listeners', 'discovery', 'abuse')],
  },
  {
    files:
      'scripts/lib/{fleet/direction,fleet/refresh,probe/failures,probe/latency,probe/alone,rollout/decide,rollout/verdict}.ts',
    fast: [tests('unit', './test/road/unit'), TYPES, SIMULATION],
    slow: [
      tests(
        'deploy',
        './test/road/deploy/rollout-verdicts.test.ts',
        './test/road/deploy/rollout-direction.test.ts',
      ),
    ],
  },
]
