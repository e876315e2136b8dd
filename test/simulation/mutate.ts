/**
 * Plays rollouts with each mutation until one goes wrong: `bun test/simulation/mutate.ts [NUMBER…]`. Exits with 1 if a
 * mutation goes unnoticed.
 */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { mutations } from './mutations.ts'

const EPISODES = Number(process.env.SIMULATION_EPISODES ?? 20_000)
const FIRST = Number(process.env.SIMULATION_SEED ?? 20_782_000_000)

/** The first episode that goes wrong, as run.ts prints it; undefined when none does. */
async function firstWrong(
  number: number,
): Promise<{ seed: number; problems: string[] } | undefined> {
  const here = import.meta.dir
  await using child = Bun.spawn(
    [
      ...[process.execPath, '--preload', join(here, 'mutant.ts')],
      ...[join(here, 'run.ts'), String(FIRST), String(FIRST + EPISODES)],
    ],
    { env: { ...process.env, MUTATION: String(number) }, stdout: 'pipe', stderr: 'inherit' },
  )
  let text = ''
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (!text.includes('\n')) continue
    child.kill()
    return JSON.parse(text.slice(0, text.indexOf('\n')))
  }
  if ((await child.exited) !== 0) throw new Error(`mutation ${number} could not be played`)
  return undefined
}

const chosen = process.argv.slice(2).map(Number)
const numbers = chosen.length > 0 ? chosen : mutations.map((_, index) => index)
let unnoticed = 0
async function work(): Promise<void> {
  for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
    const { file, from, to } = mutations[number] as (typeof mutations)[number]
    const wrong = await firstWrong(number)
    if (!wrong) unnoticed++
    const found = wrong ? `seed ${wrong.seed}: ${wrong.problems[0]?.split('\n')[0]}` : 'NOT NOTICED'
    console.log(`${number}  ${file}: ${from.trim()} -> ${to.trim() || '(nothing)'}\n    ${found}`)
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work))
if (unnoticed > 0) console.log(`${unnoticed} of ${mutations.length} mutations went unnoticed`)
process.exit(unnoticed > 0 ? 1 : 0)
