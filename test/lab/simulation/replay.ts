/** Replays one episode and prints it: `bun test/lab/simulation/replay.ts SEED [--shrink]`. */
import { play } from './episode.ts'
import { shrink } from './shrink.ts'

const [seed, option] = process.argv.slice(2)
let verdict = await play(Number(seed))
if (option === '--shrink' && verdict.problems.length > 0) verdict = await shrink(verdict)
const { operators, ...world } = verdict.script
console.log(JSON.stringify(world))
for (const operator of operators) console.log(JSON.stringify(operator))
console.log(`\n${verdict.trace.join('\n')}\n`)
for (const problem of verdict.problems) console.log(`wrong: ${problem}`)
process.exit(verdict.problems.length > 0 ? 1 : 0)
