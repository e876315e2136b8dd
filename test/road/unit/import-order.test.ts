import { expect, test } from 'bun:test'
import { dirname, join, normalize } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'

/** Rooms, lowest first: a file imports from its own room and those below. It is in the last room that matches. */
const ROOMS = [
  'package.json',
  'src/*.ts', // standalone modules: deadline, release, time-zone
  'src/telemetry/**',
  'src/config/**',
  'src/{store,discovery}/**',
  'src/{certificate,health,healthcheck,notify,reload,signals,usage}.ts',
  'src/http/**',
  'src/{domain,pages}/**',
  'src/{app,admin,warm-up,service,backup,transfer,main}.ts',
  'scripts/lib/cli/**',
  'scripts/lib/service.ts',
  'scripts/lib/domain/**',
  'scripts/lib/aws/**',
  'scripts/lib/fleet/**',
  'scripts/lib/probe/**',
  'scripts/lib/receipt/**',
  'scripts/lib/rollout/**',
  'scripts/lib/ops/**',
  'scripts/lib/image/**',
  'scripts/lib/provenance/**',
  'scripts/lib/release/**',
  'scripts/lib/verify/**',
  'scripts/lib/doctor/**',
  'scripts/lib/commands/**',
  'test/lab/support/**',
  'test/lab/**',
  'test/{service,road}/**',
].map((pattern) => new Bun.Glob(pattern))

/** Imports nothing, and everything in src may import it. */
const TERMS = 'src/domain/terms.ts'

/** What scripts may import from src. */
const KNOWN_TO_SCRIPTS = ['src/config/tokens.ts']

/** What is wrong with `path` importing `target`; undefined when nothing is. */
function misplaced(path: string, target: string): string | undefined {
  const [own, other] = [path, target].map((each) =>
    each === TERMS ? 0 : ROOMS.findLastIndex((room) => room.match(each)),
  )
  if (own === undefined || own < 0) return `${path} is in no room`
  if (other === undefined || other > own) return `${path} imports ${target}, of a higher room`
  if (
    path.startsWith('scripts/') &&
    target.startsWith('src/') &&
    !KNOWN_TO_SCRIPTS.includes(target)
  )
    return `${path} imports ${target}: from src, scripts may import only ${KNOWN_TO_SCRIPTS}`
  return undefined
}

test('each file imports from its own room and those below', async () => {
  const found: string[] = []
  for await (const path of new Bun.Glob('{src,scripts,test}/**/*.ts').scan(root)) {
    const text = await Bun.file(join(root, path)).text()
    for (const [, name = ''] of text.matchAll(/(?:from |import\()'(\.[^']*)'/g)) {
      const problem = misplaced(path, normalize(join(dirname(path), name)))
      if (problem) found.push(problem)
    }
  }
  expect(found).toEqual([])
})

test.each([
  ['src/config/config.ts', 'src/http/exchange.ts'],
  ['scripts/lib/cli/errors.ts', 'scripts/lib/aws/clients.ts'],
  ['scripts/lib/rollout/run.ts', 'scripts/lib/release/apply.ts'],
  ['scripts/lib/commands/rollout.ts', 'test/lab/support/app.ts'],
  ['src/http/routes.ts', 'src/domain/routes.ts'],
  ['scripts/lib/domain/canary.ts', 'src/domain/routes.ts'],
  ['scripts/lib/elsewhere.ts', 'package.json'],
])('%s does not import %s', (path, target) => {
  expect(misplaced(path, target)).toBeDefined()
})
