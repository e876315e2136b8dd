import type { Contender } from './contenders.ts'
import type { ContenderName } from './options.ts'
import { READ, startServer } from './server.ts'
import { type Figures, load, METHODS, type Method } from './wrk.ts'

/** Lets just-in-time compilers and connection pools settle before anything is measured. */
const WARM_UP_SECONDS = 2

export type Sample = Record<Method, Figures> & { firstAnswerMs: number }

/** One sample of every contender per round. */
export type Samples = Record<ContenderName, Sample[]>

/** Measures one contender, freshly started. */
export async function measure(
  contender: Contender,
  redisEndpoint: string,
  folder: string,
  seconds: number,
): Promise<Sample> {
  const server = await startServer(contender, redisEndpoint, folder, READ)
  try {
    const figures = {} as Record<Method, Figures>
    for (const method of METHODS) {
      await load(server, method, WARM_UP_SECONDS)
      figures[method] = await load(server, method, seconds)
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
