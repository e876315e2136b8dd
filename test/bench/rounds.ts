import type { Contender } from './contenders.ts'
import type { ContenderName } from './options.ts'
import type { RedisServer } from './redis-server.ts'
import { READ, SAVE } from './requests.ts'
import { startServer } from './server.ts'
import { type Figures, load, METHODS, type Method, USERS } from './wrk.ts'

/** Lets just-in-time compilers and connection pools settle before anything is measured. */
const WARM_UP_SECONDS = 2

export type Sample = Record<Method, Figures> & { firstAnswerMs: number }

/** One sample of every contender per round. */
export type Samples = Record<ContenderName, Sample[]>

/** Measures one contender, freshly started. */
export async function measure(
  contender: Contender,
  store: RedisServer,
  folder: string,
  seconds: number,
): Promise<Sample> {
  const server = await startServer(contender, store, folder, READ)
  try {
    await saveUsers(server.url)
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

async function saveUsers(url: string): Promise<void> {
  for (const user of USERS) {
    const { status } = await fetch(`${url}/hello/${user}`, SAVE)
    if (status !== 204) throw new Error(`PUT /hello/${user}: got ${status}, expected 204`)
  }
}

/** The order of a round: each contender gets every place in turn, so that none always follows the same one. */
export function orderOfRound<T>(contenders: readonly T[], round: number): T[] {
  const first = round % contenders.length
  return [...contenders.slice(first), ...contenders.slice(0, first)]
}
