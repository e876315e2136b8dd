import type { Contender } from './contenders.ts'
import { saveUsers } from './fixed-rate.ts'
import type { ContenderName } from './options.ts'
import { READ } from './requests.ts'
import { startServer } from './server.ts'
import type { Setup } from './setup.ts'
import { type Figures, load, METHODS, type Method } from './wrk.ts'

/** Lets just-in-time compilers and connection pools settle before anything is measured for `seconds`. */
export const warmUpSeconds = (seconds: number): number => Math.min(2, seconds)

export type Sample = Record<Method, Figures> & { firstAnswerMs: number }

/** One sample of every contender per round. */
export type Samples = Record<ContenderName, Sample[]>

/** Measures one contender, freshly started. */
export async function measure(
  contender: Contender,
  setup: Setup,
  seconds: number,
): Promise<Sample> {
  const server = await startServer(contender, setup, READ)
  try {
    await saveUsers(server, setup)
    const figures = {} as Record<Method, Figures>
    for (const method of METHODS) {
      await load(server, setup, method, warmUpSeconds(seconds))
      figures[method] = await load(server, setup, method, seconds)
    }
    return { ...figures, firstAnswerMs: server.firstAnswerMs }
  } finally {
    await server.stop()
  }
}

/** The order of a round: each contender gets every place in turn, so that none always follows the same one. */
export function orderOfRound<T>(contenders: readonly T[], round: number): T[] {
  const first = round % contenders.length
  return [...contenders.slice(first), ...contenders.slice(0, first)]
}
