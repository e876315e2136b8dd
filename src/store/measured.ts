import type { Metrics } from '../telemetry/metrics.ts'

/** `store`, with every operation in `operations` and every failure counted. */
export function measured<T extends object>(
  store: T,
  operations: readonly (keyof T & string)[],
  metrics: Metrics,
): T {
  const counted = operations.map((operation) => {
    const { succeeded, failed } = metrics.storeOperation(operation)
    const verb = store[operation] as (...args: unknown[]) => Promise<unknown>
    return [
      operation,
      (...args: unknown[]) => {
        const result = verb(...args)
        result.then(succeeded, failed)
        return result
      },
    ]
  })
  return { ...store, ...Object.fromEntries(counted) }
}
