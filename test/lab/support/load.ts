import { daysUntilBirthday, greeting } from '../../../src/domain/birthday.ts'
import { name, save } from './executable.ts'
import { eventually } from './process.ts'

/** The outcome of one request of a load. */
export interface Outcome {
  user: string
  date: string
  /** 0 when there was no answer. */
  status: number
  startedAt: number
  endedAt: number
}

export interface Load {
  outcomes: Outcome[]
  /** Sends no more requests; resolves when the last has ended. */
  stop(): Promise<void>
}

/** PUTs a birthday for one new user after another, from `writers` loops at once, until stopped. */
export function putLoad(url: string, { writers = 8, from = 0 } = {}): Load {
  const outcomes: Outcome[] = []
  let next = from
  let running = true
  const loops = Array.from({ length: writers }, async () => {
    while (running) {
      const index = next++
      const user = name(index)
      const date = String(Temporal.PlainDate.from('1900-01-01').add({ days: index % 40_000 }))
      const startedAt = performance.now()
      const status = await save(url, user, date).then(
        async (response) => {
          await response.arrayBuffer()
          return response.status
        },
        () => 0,
      )
      outcomes.push({ user, date, status, startedAt, endedAt: performance.now() })
      if (status === 0) await Bun.sleep(5)
    }
  })
  return {
    outcomes,
    async stop() {
      running = false
      await Promise.all(loops)
    },
  }
}

/** The acknowledged writes of `outcomes` that `url` does not have, or has with another date. */
export async function missing(url: string, outcomes: Outcome[]): Promise<Outcome[]> {
  const acknowledged = outcomes.filter(({ status }) => status === 204)
  const lost: Outcome[] = []
  for (let start = 0; start < acknowledged.length; start += 50) {
    const batch = acknowledged.slice(start, start + 50)
    const kept = await Promise.all(batch.map((outcome) => isKept(url, outcome)))
    lost.push(...batch.filter((_, index) => !kept[index]))
  }
  return lost
}

async function isKept(url: string, { user, date }: Outcome): Promise<boolean> {
  // A refused read says nothing about what is kept.
  const answer = await eventually(`the birthday of ${user} is answered`, async () => {
    const response = await fetch(`${url}/hello/${user}`)
    return response.status !== 503 && response
  })
  const { message } = (await answer.json()) as { message?: string }
  const days = daysUntilBirthday(Temporal.PlainDate.from(date), Temporal.Now.plainDateISO('UTC'))
  return message === greeting(user, days)
}
