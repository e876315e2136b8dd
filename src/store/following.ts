import { answers, type KeyValueStore, StoreUnavailable } from './key-value.ts'

/** A store that can be replaced by another one while requests are in flight. */
export interface FollowingStore extends KeyValueStore {
  /** Switches to `next` as soon as it answers; the former store is closed once its last requests have had their time. */
  follow(next: KeyValueStore): Promise<void>
}

const RETRY_MS = 250

/** Unavailable until `follow` is called for the first time. `lingerMs` is how long the former store stays open. */
export function createFollowingStore(lingerMs: number): FollowingStore {
  let current: KeyValueStore | undefined
  let wanted: KeyValueStore | undefined
  const store = async () => {
    if (!current) throw new StoreUnavailable('no Redis endpoint is known yet')
    return current
  }
  return {
    get: async (key) => (await store()).get(key),
    set: async (key, value) => (await store()).set(key, value),
    delete: async (key) => (await store()).delete(key),
    ping: async () => (await store()).ping(),
    close: async () => current?.close(),
    async follow(next) {
      wanted = next
      while (current && wanted === next && !(await answers(next))) await Bun.sleep(RETRY_MS)
      if (wanted !== next) return next.close()
      const former = current
      current = next
      if (former) setTimeout(() => former.close(), lingerMs)
    },
  }
}
