/** Which mistakes the tests would not notice: `bun test/lab/mutants/main.ts [--slow] [--sample N --seed S] [FILE…]`. */
import { parseArgs } from 'node:util'
import { describeMutant } from './generate.ts'
import { provenFiles, score, tryMutants } from './kill.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    slow: { type: 'boolean' },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
})
const verdicts = await tryMutants(provenFiles(positionals), {
  slow: values.slow ?? false,
  ...(values.sample && { sample: { size: Number(values.sample), seed: Number(values.seed) } }),
  each: ({ mutant, killedBy }) =>
    console.error(`${killedBy ? `killed by ${killedBy}` : 'SURVIVED'}: ${describeMutant(mutant)}`),
})
console.log(score(verdicts))
