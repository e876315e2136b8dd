import { expect, test } from 'bun:test'
import { applied, mutantsOf } from './generate.ts'
import { provenFiles, score, tryMutants } from './kill.ts'

const SAMPLE = { size: 24, seed: 1 }
/** Percent that fast proofs have to kill: far below what they do, so that only lost tests fall short of it. */
const FLOOR = 40

const programs = (source: string) =>
  mutantsOf('one.ts', source).map((mutant) => applied(source, mutant))

test.each([
  ['a < b', ['a <= b']],
  ['a === b', ['a !== b']],
  ['a && b', ['a || b']],
  ['a ?? b', ['a']],
  ['a * b', ['a / b']],
  ["a + 'text and more'", []],
  ['a + b', ['a - b']],
])('%p has the mistakes %j', (expression, mistakes) => {
  expect(programs(`export default ${expression}`)).toEqual(
    mistakes.map((each) => `export default ${each}`),
  )
})

test('conditions are negated, statements dropped, arguments swapped, options removed, constants changed', () => {
  expect(programs('if (ready) go()')).toEqual(['if (!(ready)) go()', 'if (ready) ;'])
  expect(programs('throw error')).toEqual([';'])
  expect(programs('const x = f(a, b.c)')).toEqual(['const x = f(b.c, a)'])
  expect(programs('const x = { a, b: c }')).toEqual(['const x = {  b: c }', 'const x = { a,  }'])
  expect(programs("const x = [0, 75, true, 'nosniff', 'a sentence']")).toEqual([
    "const x = [1, 75, true, 'nosniff', 'a sentence']",
    "const x = [0, (75 * 10), true, 'nosniff', 'a sentence']",
    "const x = [0, 75, false, 'nosniff', 'a sentence']",
    "const x = [0, 75, true, 'mutant', 'a sentence']",
  ])
})

test('types, imports and names have none', () => {
  const source = "import { a } from 'a'\nexport type T = 'x' | 1\nexport interface I { b: 'y' }\n"
  expect(mutantsOf('one.ts', source)).toEqual([])
})

test(`of ${SAMPLE.size} mistakes in what decides, the fast tests notice ${FLOOR} % or more`, async () => {
  const verdicts = await tryMutants(provenFiles(), { sample: SAMPLE })
  console.log(score(verdicts))
  const killed = verdicts.filter(({ killedBy }) => killedBy).length
  expect((100 * killed) / verdicts.length).toBeGreaterThanOrEqual(FLOOR)
}, 1_800_000)
