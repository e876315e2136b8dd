import { canary } from '../../../scripts/lib/domain/canary.ts'
import { save } from './executable.ts'
import { eventually } from './process.ts'

/** The outcome of one request of a load. */
export interface Outcome {
  key: string
  value: string
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

/** Writes under one new key after another, from `writers` loops at once, until stopped. */
export function putLoad(url: string, { writers = 8, from = 0 } = {}): Load {
  const outcomes: Outcome[] = []
  let next = from
  let running = true
  const loops = Array.from({ length: writers }, async () => {
    while (running) {
      const index = next++
      const key = canary.keyOf('User', index)
      const value = canary.value(index)
      const startedAt = performance.now()
      const status = await save(url, {}, canary.write(key, value)).then(
        async (response) => {
          await response.arrayBuffer()
          return response.status
        },
        () => 0,
      )
      outcomes.push({ key, value, status, startedAt, endedAt: performance.now() })
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

/** The acknowledged writes of `outcomes` that `url` does not have, or has with another value. */
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

async function isKept(url: string, { key, value }: Outcome): Promise<boolean> {
  const { path, isRight } = canary.read(key, value)
  const sentAt = new Date()
  // A refused read says nothing about what is kept.
  const answer = await eventually(`what is under ${key} is answered`, async () => {
    const response = await fetch(url + path)
    return response.status !== 503 && response
  })
  return isRight(await answer.text(), sentAt, new Date())
}
