import { expect, test } from 'bun:test'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { play } from './episode.ts'
import { shrink } from './shrink.ts'

/** About half a minute on two cores; SIMULATION_EPISODES sets another number. */
const EPISODES = Number(process.env.SIMULATION_EPISODES ?? 5_000)
/**
 * The first seed. Always the same, so that a failure is due to the change and not to chance; the workflow `explore` plays
 * others each night.
 */
const FIRST = Number(process.env.SIMULATION_SEED ?? 20_782_000_000)
const TIMEOUT_MS = 3_000_000

test('an episode is the same each time its seed is played', async () => {
  const [one, two] = [await play(4711), await play(4711)]
  expect(two).toEqual(one)
  expect(one.trace.length).toBeGreaterThan(2)
})

test(
  `${EPISODES} rollouts keep every promise, whatever operators do and whatever fails`,
  async () => {
    const parts = availableParallelism()
    const size = Math.ceil(EPISODES / parts)
    const wrong = await Promise.all(
      Array.from({ length: parts }, async (_, part) => {
        const from = FIRST + part * size
        const child = Bun.spawn(
          [process.execPath, join(import.meta.dir, 'run.ts'), String(from), String(from + size)],
          { stdout: 'pipe', stderr: 'inherit' },
        )
        const [text, code] = await Promise.all([child.stdout.text(), child.exited])
        expect(code).toBe(0)
        return text.split('\n').filter(Boolean)
      }),
    )
    const found = wrong.flat().map((line) => JSON.parse(line) as { seed: number })
    for (const { seed } of found.slice(0, 3)) {
      const { problems, script } = await shrink(await play(seed))
      console.log(
        `bun test/lab/simulation/replay.ts ${seed} --shrink   # ${problems.join('; ')}: ${JSON.stringify(script)}`,
      )
    }
    expect(found).toEqual([])
  },
  TIMEOUT_MS,
)
