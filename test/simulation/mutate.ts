/**
 * Finds out what notices each mutation, the simulation or, where that does not, the tests of the decisions one by one:
 * `bun test/simulation/mutate.ts [NUMBER…]`. Exits with 1 if a mutation goes unnoticed.
 */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root } from '../../scripts/lib/paths.ts'
import { type Mutation, mutations } from './mutations.ts'

const EPISODES = Number(process.env.SIMULATION_EPISODES ?? 5_000)
const FIRST = Number(process.env.SIMULATION_SEED ?? 20_782_000_000)

const TESTS = [
  ...['controller', 'direction', 'comparison', 'alone', 'latency'].map(
    (name) => `test/unit/${name}.test.ts`,
  ),
  'test/deploy/rollout-parts.test.ts',
]

const spawn = (number: number, args: string[]) =>
  Bun.spawn([process.execPath, ...args], {
    cwd: root,
    env: { ...process.env, MUTATION: String(number) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })

const preload = ['--preload', join(import.meta.dir, 'mutant.ts')]

/** The first episode that goes wrong, as run.ts prints it; undefined when none does. */
async function bySimulation(number: number): Promise<string | undefined> {
  const run = join(import.meta.dir, 'run.ts')
  await using child = spawn(number, [...preload, run, String(FIRST), String(FIRST + EPISODES)])
  let text = ''
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (!text.includes('\n')) continue
    child.kill()
    const { seed, problems } = JSON.parse(text.slice(0, text.indexOf('\n')))
    return `seed ${seed}: ${problems[0].split('\n')[0]}`
  }
  // A mutation that cannot even be played is not one.
  if ((await child.exited) !== 0) throw new Error(await child.stderr.text())
  return undefined
}

async function byTests(number: number): Promise<string | undefined> {
  await using child = spawn(number, ['test', ...preload, ...TESTS])
  const [said] = (await child.stderr.text()).match(/^\(fail\) .*/m) ?? []
  return said && `test ${said.replace(/ \[.*/, '').slice('(fail) '.length)}`
}

const describe = ({ file, from, to }: Mutation): string =>
  `${file}: ${from.trim()} -> ${to.trim() || '(nothing)'}`

const chosen = process.argv.slice(2).map(Number)
const numbers = chosen.length > 0 ? chosen : mutations.map((_, index) => index)
let unnoticed = 0
async function work(): Promise<void> {
  for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
    const found = (await bySimulation(number)) ?? (await byTests(number))
    if (!found) unnoticed++
    console.log(`${number}  ${describe(mutations[number] as Mutation)}`)
    console.log(`    ${found ?? 'NOT NOTICED'}`)
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work))
if (unnoticed > 0) console.log(`${unnoticed} of ${mutations.length} mutations went unnoticed`)
process.exit(unnoticed > 0 ? 1 : 0)
