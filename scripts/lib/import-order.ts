import { dirname, join, normalize, relative } from 'node:path'
import { root } from './paths.ts'

/** From the ground up: a file imports from its own floor and those below. A file is on the last floor that has it. */
const FLOORS = [
  'package.json',
  'src/*.ts', // the domain and what stands by itself: birthday, username, deadline, notify, release
  'src/telemetry/**',
  'src/config/**',
  'src/{store,discovery}/**',
  'src/{context,health,healthcheck,usage}.ts',
  'src/http/**',
  'src/pages/**',
  'src/routes/**',
  'src/{app,admin,service,main}.ts',
  'scripts/lib/*.ts',
  'scripts/lib/aws/**',
  'scripts/lib/cli.ts',
  'scripts/lib/{image,ops,rollout,secrets}/**',
  'scripts/lib/deploy/**',
  'scripts/lib/commands/**',
  'test/{support,aws-double}/**',
  'test/**',
].map((pattern) => new Bun.Glob(pattern))

/** Rooms that share a floor and do not know each other. */
const APART = new Bun.Glob('scripts/lib/{image,ops,rollout,secrets}/**')

/** What of src a script may know. */
const KNOWN_TO_SCRIPTS = ['src/config/tokens.ts']

const floorOf = (path: string): number => FLOORS.findLastIndex((floor) => floor.match(path))

/** What is wrong with `path` importing `target`; undefined when nothing is. */
export function misplaced(path: string, target: string): string | undefined {
  if (floorOf(target) > floorOf(path))
    return `${path} imports ${target}, which is on a higher floor`
  const strange = path.startsWith('scripts/') && target.startsWith('src/')
  if (strange && !KNOWN_TO_SCRIPTS.includes(target)) {
    return `${path} imports ${target}: of src, scripts know ${KNOWN_TO_SCRIPTS.join(', ')} alone`
  }
  if (APART.match(path) && APART.match(target) && dirname(path) !== dirname(target)) {
    return `${path} imports ${target}: rooms beside each other share what is below them`
  }
  return undefined
}

/** A sentence for each import of this tree that goes up. */
export async function findMisplaced(): Promise<string[]> {
  const found: string[] = []
  for await (const path of new Bun.Glob('{src,scripts,test}/**/*.ts').scan(root)) {
    const text = await Bun.file(join(root, path)).text()
    for (const [, name = ''] of text.matchAll(/(?:from |import\()'(\.[^']*)'/g)) {
      const target = normalize(join(dirname(path), name))
      const problem = misplaced(path, relative('.', target))
      if (problem) found.push(problem)
    }
  }
  return found
}

if (import.meta.main) {
  const found = await findMisplaced()
  for (const problem of found) console.error(problem)
  process.exit(found.length > 0 ? 1 : 0)
}
