import type { Metrics } from '../telemetry/metrics.ts'
import type { Store } from './store.ts'

/** `store`, with every operation and every failure counted. */
export function measured(store: Store, metrics: Metrics): Store {
  const counted = <A extends unknown[], R>(
    operation: keyof Store,
    verb: (...args: A) => Promise<R>,
  ) => {
    const { succeeded, failed } = metrics.storeOperation(operation)
    return (...args: A): Promise<R> => {
      const result = verb(...args)
      result.then(succeeded, failed)
      return result
    }
  }
  return {
    birthdayOf: counted('birthdayOf', store.birthdayOf),
    saveBirthday: counted('saveBirthday', store.saveBirthday),
    forgetBirthday: counted('forgetBirthday', store.forgetBirthday),
    ping: counted('ping', store.ping),
    close: store.close,
  }
}
