/** Strings under keys: what SQLite and every kind of Redis are to this service. What is in them is not known here. */
export interface KeyValueStore {
  /** Null when nothing is stored under `key`. Throws `UnreadableRecord` for what is no string. */
  get(key: string): Promise<string | null>
  /** Sets or replaces; when it resolves, the write is as durable as the store is set up to make it. */
  set(key: string, value: string): Promise<void>
  /** True when there was something to delete. */
  delete(key: string): Promise<boolean>
  /** Resolves when the store answers. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** The store did not answer, or not in time: an expected event, answered with 503. */
export class StoreUnavailable extends Error {}

/** The store holds something that this release does not understand, and does not guess at. */
export class UnreadableRecord extends Error {
  constructor(key: string) {
    super(`the value of ${key} is not one that this release can read`)
  }
}
