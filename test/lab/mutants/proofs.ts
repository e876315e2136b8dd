import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'

/** A command that has to fail for a mutant. */
export interface Proof {
  name: string
  command: string[]
  env?: Record<string, string>
}

interface Proven {
  /** Of which files. */
  files: string[]
  /** Test files, of which those that import the file are run. */
  fast: string[]
  /** For what survives these, in the order of the time they take: more of such test files, and commands. */
  slower?: string[]
  slow: Proof[]
}

const bunTest = (...files: string[]) => [
  ...[process.execPath, 'test', '--bail', '--timeout', '120000'],
  ...files.map((file) => `./${file}`),
]

/** Of the service by itself, and what has not changed is known from the time before: a tenth of the CPU time. */
const types = (project: string): Proof => ({
  name: 'types',
  command: ['node_modules/.bin/tsc', '--project', project],
})

const SIMULATION: Proof = {
  name: 'simulation',
  command: bunTest('test/lab/simulation'),
  env: { SIMULATION_EPISODES: '500' },
}

const binary = (...files: string[]): Proof => ({
  name: 'binary',
  command: [
    ...['sh', '-euc', 'scripts/build >/dev/null; exec "$@"', 'sh'],
    ...bunTest(...files.map((file) => `test/service/binary/${file}.test.ts`)),
  ],
})

/** In process: the others need the executable. */
const SERVICE = [
  'test/service/unit/*.test.ts',
  'test/service/http/{api,hostile,openapi}.test.ts',
  'test/service/domain/{unit,http}/*.test.ts',
]

/** What proves each file that decides something; the first whose pattern matches counts. */
export const PROVEN: Proven[] = [
  {
    files: ['src/store/*.ts'],
    fast: [...SERVICE, 'test/service/store/{cluster-route,sqlite}.test.ts'],
    slower: ['test/service/store/*.test.ts'],
    slow: [binary('outage', 'durability')],
  },
  {
    files: ['src/**/*.ts'],
    fast: SERVICE,
    slow: [
      binary('cli', 'stop', 'systemd', 'listeners', 'discovery', 'abuse', 'requests', 'machine'),
    ],
  },
  {
    files: [
      'scripts/lib/fleet/{direction,refresh-status}.ts',
      'scripts/lib/probe/{alone,concentration,failures,forecast,latency,traffic}.ts',
      'scripts/lib/rollout/{decide,pace,verdict}.ts',
    ],
    fast: ['test/road/unit/*.test.ts'],
    slow: [
      SIMULATION,
      {
        name: 'deploy',
        command: bunTest(
          'test/road/deploy/rollout-verdicts.test.ts',
          'test/road/deploy/rollout-direction.test.ts',
        ),
      },
    ],
  },
]

const provenOf = (path: string): Proven | undefined =>
  PROVEN.find(({ files }) => files.some((pattern) => new Bun.Glob(pattern).match(path)))

/** The proofs of a file, in the order of the time they take: its unit tests, the types, and what is slow. */
export function proofsOf(path: string, slow: boolean): Proof[] {
  const proven = provenOf(path)
  if (!proven) throw new Error(`nothing proves ${path}`)
  return [
    ...testsOf(path, 'unit tests', proven.fast),
    types(path.startsWith('src/') ? 'test/lab/mutants' : '.'),
    ...(slow ? [...testsOf(path, 'more tests', proven.slower ?? []), ...proven.slow] : []),
  ]
}

/** The test files that import `path`, the nearest first, as one proof, if there are any. */
function testsOf(path: string, name: string, patterns: string[]): Proof[] {
  const files = patterns
    .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(root)])
    .flatMap((file) => {
      const steps = importedBy(file).get(path)
      return steps === undefined ? [] : [{ file, steps }]
    })
    .sort((one, other) => one.steps - other.steps || (one.file < other.file ? -1 : 1))
  return files.length > 0 ? [{ name, command: bunTest(...files.map(({ file }) => file)) }] : []
}

const transpiler = new Bun.Transpiler({ loader: 'ts' })
const known = new Map<string, Map<string, number>>()

/** All files that a file imports, and itself, with the fewest imports that lead there. */
function importedBy(path: string): Map<string, number> {
  const found = known.get(path) ?? new Map([[path, 0]])
  if (!known.has(path)) {
    known.set(path, found)
    for (const [each, steps] of found) {
      if (!each.endsWith('.ts')) continue
      for (const { path: to } of transpiler.scanImports(readFileSync(join(root, each), 'utf8'))) {
        const file = join(dirname(each), to)
        if (to.startsWith('.') && !found.has(file)) found.set(file, steps + 1)
      }
    }
  }
  return found
}
