/** Plays the seeds FROM up to TO, and prints a line of JSON for each that goes wrong: `bun run.ts FROM TO`. */
import { play } from './episode.ts'

const [from = 0, to = 0] = process.argv.slice(2).map(Number)
for (let seed = from; seed < to; seed++) {
  const { problems } = await play(seed)
  if (problems.length > 0) console.log(JSON.stringify({ seed, problems }))
}
