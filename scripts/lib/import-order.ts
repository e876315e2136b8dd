import { dirname, join, normalize, relative } from 'node:path'
import { root } from './paths.ts'

/** Layers, lowest first: a file imports from its own layer and those below. It is in the last layer that matches. */
const FLOORS = [
  'package.json',
  'src/*.ts', // standalone modules: deadline, notify, release, time-zone
  'src/telemetry/**',
  'src/config/**',
  'src/{store,discovery}/**',
  'src/{certificate,health,healthcheck,usage}.ts',
  'src/http/**',
  'src/{birthdays,pages}/**',
  'src/{app,admin,warm-up,service,main}.ts',
  'scripts/lib/*.ts',
  'scripts/lib/aws/**',
  'scripts/lib/provenance/**',
  'scripts/lib/cli.ts',
  'scripts/lib/{image,ops,rollout,sbom,secrets}/**',
  'scripts/lib/deploy/**',
  'scripts/lib/{doctor,verify}/**',
  'scripts/lib/commands/**',
  'test/{support,aws-double}/**',
  'test/**',
].map((pattern) => new Bun.Glob(pattern))

/** Folders that share a layer and must not import each other. */
const APART = new Bun.Glob('scripts/lib/{image,ops,rollout,sbom,secrets}/**')

/** What scripts may import from src. */
const KNOWN_TO_SCRIPTS = ['src/config/tokens.ts']

const floorOf = (path: string): number => FLOORS.findLastIndex((floor) => floor.match(path))

/** What is wrong with `path` importing `target`; undefined when nothing is. */
export function misplaced(path: string, target: string): string | undefined {
  if (floorOf(target) > floorOf(path))
    return `${path} imports ${target}, which is in a higher layer`
  const strange = path.startsWith('scripts/') && target.startsWith('src/')
  if (strange && !KNOWN_TO_SCRIPTS.includes(target)) {
    return `${path} imports ${target}: from src, scripts may import only ${KNOWN_TO_SCRIPTS.join(', ')}`
  }
  if (APART.match(path) && APART.match(target) && dirname(path) !== dirname(target)) {
    return `${path} imports ${target}: folders in the same layer may share only what is below them`
  }
  return undefined
}

/** A sentence for each import in this tree that breaks the layering. */
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
