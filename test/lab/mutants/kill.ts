import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { randomOf } from '../../../scripts/lib/release/compat/random.ts'
import { root } from '../../../scripts/lib/service.ts'
import { cloneTo } from '../support/clone.ts'
import { run } from '../support/command.ts'
import { temporaryFolder } from '../support/process.ts'
import { applied, describeMutant, type Mutant, mutantsOf } from './generate.ts'
import { PROVEN, type Proof, proofsOf } from './proofs.ts'

/** What a mutant that hangs is given, beside what the same proof takes for the program itself. */
const PATIENCE = { times: 4, seconds: 20 }

export interface Verdict {
  mutant: Mutant
  /** The proof that fails for it; undefined: it survives. */
  killedBy?: string
}

interface Options {
  slow?: boolean
  /** How many to try, chosen with this seed; all by default. */
  sample?: { size: number; seed: number }
  each?: (verdict: Verdict) => void
}

/** The files that have proofs, or those of `paths`. */
export function provenFiles(paths: string[] = []): string[] {
  const all = PROVEN.flatMap(({ files }) => files).flatMap((pattern) => {
    const found = [...new Bun.Glob(pattern).scanSync(root)]
    if (found.length === 0) throw new Error(`no file matches ${pattern}, which is to be proven`)
    return found
  })
  const files = [...new Set(all)].filter((path) => !path.endsWith('.d.ts')).sort()
  const strange = paths.find((path) => !files.includes(path))
  if (strange) throw new Error(`got ${strange}, expected some of ${files.join(', ')}`)
  return paths.length > 0 ? paths : files
}

/** Tries mutants of these files of HEAD, in copies of it, one for each core. */
export async function tryMutants(files: string[], options: Options = {}): Promise<Verdict[]> {
  const all = files.flatMap((path) => mutantsOf(path, readFileSync(join(root, path), 'utf8')))
  const mutants = options.sample ? chosen(all, options.sample) : all
  const queue = [...mutants]
  const verdicts: Verdict[] = []
  const work = async () => {
    using folder = temporaryFolder()
    const tree = join(folder.path, 'tree')
    await cloneTo(tree)
    const limits = new Map<string, number>()
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      const verdict = await judge(mutant, tree, limits, options.slow ?? false)
      verdicts.push(verdict)
      options.each?.(verdict)
    }
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), queue.length) }, work))
  return verdicts.sort(({ mutant: one }, { mutant: other }) =>
    one.path === other.path ? one.start - other.start : one.path < other.path ? -1 : 1,
  )
}

function chosen(all: Mutant[], { size, seed }: { size: number; seed: number }): Mutant[] {
  const random = randomOf(seed)
  const rest = [...all]
  return Array.from({ length: Math.min(size, all.length) }, () =>
    rest.splice(Math.floor(random() * rest.length), 1),
  ).flat()
}

async function judge(
  mutant: Mutant,
  tree: string,
  limits: Map<string, number>,
  slow: boolean,
): Promise<Verdict> {
  const path = join(tree, mutant.path)
  const source = readFileSync(path, 'utf8')
  for (const proof of proofsOf(mutant.path, slow)) {
    const key = proof.command.join(' ')
    const limit = limits.get(key) ?? (await limitOf(proof, tree))
    limits.set(key, limit)
    writeFileSync(path, applied(source, mutant))
    const passes = await holds(proof, tree, limit)
    writeFileSync(path, source)
    if (!passes) return { mutant, killedBy: proof.name }
  }
  return { mutant }
}

/** Seconds that a proof may take; throws if it fails for the program itself. */
async function limitOf(proof: Proof, tree: string): Promise<number> {
  const since = performance.now()
  const { code, output } = await start(proof, tree, 600)
  if (code !== 0) throw new Error(`${proof.name} fails without a mutant:\n${output.slice(-2000)}`)
  return PATIENCE.seconds + (PATIENCE.times * (performance.now() - since)) / 1000
}

const holds = async (proof: Proof, tree: string, limit: number) =>
  (await start(proof, tree, limit)).code === 0

const start = ({ command, env }: Proof, tree: string, seconds: number) =>
  run(['timeout', '--kill-after', '1', String(Math.ceil(seconds)), ...command], {
    cwd: tree,
    env: { ...process.env, NO_COLOR: '1', ...env },
  })

/** Per file: how many died, and which did not. */
export function score(verdicts: Verdict[]): string {
  const byFile = Map.groupBy(verdicts, ({ mutant }) => mutant.path)
  const lines = [...byFile].map(([path, some]) => {
    const survivors = some.filter(({ killedBy }) => !killedBy)
    return [rate(path, some), ...survivors.map(({ mutant }) => `  ${describeMutant(mutant)}`)].join(
      '\n',
    )
  })
  return [...lines, rate('all', verdicts)].join('\n')
}

function rate(what: string, verdicts: Verdict[]): string {
  const killed = verdicts.filter(({ killedBy }) => killedBy).length
  const percent = Math.round((100 * killed) / verdicts.length)
  return `${what}: ${killed} of ${verdicts.length} mutants killed (${percent} %)`
}
