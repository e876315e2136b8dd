/** Time, in milliseconds, and a timer that keeps no process alive. */
export interface Clock {
  now(): number
  after(ms: number, run: () => void): void
}

/** The time of this process. */
export const clock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => void setTimeout(run, ms).unref(),
}

export const sleep = (ms: number, { after }: Clock): Promise<void> =>
  new Promise((resolve) => after(ms, resolve))

interface Waiting {
  dueAt: number
  expire(): void
}

/**
 * Settles each promise as it does itself, or rejects with `late()` when that takes longer than `ms` milliseconds. All
 * share one timer, that of the oldest: each its own would cost a request some 3 % of its CPU time.
 */
export function createDeadline(
  ms: number,
  { now, after }: Clock = clock,
): <T>(promise: Promise<T>, late: () => Error) => Promise<T> {
  const waiting = new Set<Waiting>()
  let armed = false

  function expireDue(): void {
    armed = false
    const time = now()
    for (const each of waiting) {
      if (each.dueAt > time) {
        arm(each.dueAt - time)
        return
      }
      waiting.delete(each)
      each.expire()
    }
  }

  /** Nobody waits for the timer of promises that have settled. */
  function arm(afterMs: number): void {
    if (armed) return
    armed = true
    after(Math.ceil(afterMs), expireDue)
  }

  return (promise, late) =>
    new Promise((resolve, reject) => {
      const own = { dueAt: now() + ms, expire: () => reject(late()) }
      waiting.add(own)
      arm(ms)
      const settled = (settle: (outcome: never) => void) => (outcome: unknown) => {
        waiting.delete(own)
        settle(outcome as never)
      }
      promise.then(settled(resolve), settled(reject))
    })
}

/** One promise with a deadline of its own. */
export function withDeadline<T>(
  promise: Promise<T>,
  ms: number,
  late: () => Error,
  time: Clock = clock,
): Promise<T> {
  return createDeadline(ms, time)(promise, late)
}
