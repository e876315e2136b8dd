/** Settles as `promise` does, or rejects with `late()` when that takes longer than `ms` milliseconds. */
export function withDeadline<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), ms)
    promise.then(resolve, reject).then(() => clearTimeout(timer))
  })
}
