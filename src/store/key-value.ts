/** A key-value store of strings: SQLite and every kind of Redis. It knows nothing about their content. */
export interface KeyValueStore {
  /** Null when nothing is stored under `key`. Throws `UnreadableRecord` for a value that is not a string. */
  get(key: string): Promise<string | null>
  /** Sets or replaces; when it resolves, the write is as durable as the store is configured to make it. */
  set(key: string, value: string): Promise<void>
  /** True when there was something to delete. */
  delete(key: string): Promise<boolean>
  /** Resolves when the store can be read and written. Leaves nothing in it. */
  ping(): Promise<void>
  close(): Promise<void>
}

export type Entry = [key: string, value: string]

/** A key-value store that can tell all it has. */
export interface ScannableStore extends KeyValueStore {
  /**
   * What is stored under keys that begin with `prefix`, a thousand entries at a time, each time with the position to go
   * on from; `from` is one of an earlier time. Something that is written or deleted meanwhile may be among them or not,
   * and in Redis an entry may come twice. Throws `CannotGoOn` when `from` is not known, or the servers changed since then.
   */
  pages(prefix: string, from?: string): AsyncGenerator<{ entries: Entry[]; position: string }, void>
}

/** Whether `store` answers a ping now. */
export function answers(store: KeyValueStore): Promise<boolean> {
  return store.ping().then(
    () => true,
    () => false,
  )
}

/** The store did not answer, or not in time: an expected event, answered with 503. */
export class StoreUnavailable extends Error {}

/** An export or import ended, and there is no position to go on from. */
export class CannotGoOn extends Error {}

/** The store has no such position, or has it no longer. */
export function unknownPosition(position = ''): CannotGoOn {
  return new CannotGoOn(`the store has no position ${position}: begin again, without --from`)
}

/** The store holds a value that this release does not understand, and does not guess at. */
export class UnreadableRecord extends Error {
  constructor(key: string) {
    super(`this release cannot read the value of ${key}`)
  }
}
