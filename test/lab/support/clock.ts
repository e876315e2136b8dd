import type { Clock } from '../../../src/deadline.ts'

/** A clock that only `advance` moves. It begins at 0. */
export interface VirtualClock extends Clock {
  /** Lets `ms` milliseconds pass. Before each timer, and at the end, every promise that can settle has done so. */
  advance(ms: number): Promise<void>
  /** How many timers wait. */
  waiting(): number
}

export function createVirtualClock(): VirtualClock {
  let time = 0
  const timers: { at: number; run: () => void }[] = []
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  return {
    now: () => time,
    waiting: () => timers.length,
    after(ms, run) {
      timers.push({ at: time + ms, run })
      timers.sort((one, other) => one.at - other.at)
    },
    async advance(ms) {
      const until = time + ms
      await settled()
      for (let next = timers[0]; next && next.at <= until; next = timers[0]) {
        timers.shift()
        time = next.at
        next.run()
        await settled()
      }
      time = until
    },
  }
}
