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
): <T>(promise: Promise<T>, late: () => Error) => Promise<T> {
  const waiting = new Set<Waiting>()
  let armed = false

  function expireDue(): void {
    armed = false
    const now = performance.now()
    for (const each of waiting) {
      if (each.dueAt > now) {
        arm(each.dueAt - now)
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
    setTimeout(expireDue, Math.ceil(afterMs)).unref()
  }

  return (promise, late) =>
    new Promise((resolve, reject) => {
      const own = { dueAt: performance.now() + ms, expire: () => reject(late()) }
      waiting.add(own)
      arm(ms)
      promise.then(resolve, reject).then(() => waiting.delete(own))
    })
}

/** One promise with a deadline of its own. */
export function withDeadline<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return createDeadline(ms)(promise, late)
}
