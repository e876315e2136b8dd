import { type Clock, clock, sleep } from '../deadline.ts'
import { answers, type KeyValueStore, StoreUnavailable } from './key-value.ts'

/** A store that can be replaced by another one while requests are in flight. */
export interface FollowingStore extends KeyValueStore {
  /**
   * Opens a store with `open`, again and again until one answers, and switches to it. The former store serves until
   * then, and is closed once its last requests have had their time. The first store of all needs not answer; what `open`
   * throws for it is thrown, later it is one more attempt that failed.
   * A call ends the attempts of earlier ones; with the same `open` it does nothing while they last.
   */
  follow(open: () => KeyValueStore): void
  /** The store that serves. */
  current(): KeyValueStore
}

/** Long enough for a connection that is slow to open. */
const ATTEMPT_MS = 2000
const PING_PAUSE_MS = 25
const RETRY_MS = 250

/** Unavailable until `follow` is called for the first time. `lingerMs` is how long a former store stays open. */
export function createFollowingStore(lingerMs: number, time: Clock = clock): FollowingStore {
  let current: KeyValueStore = {
    get: unknown,
    set: unknown,
    delete: unknown,
    ping: unknown,
    close: async () => {},
  }
  let isFirst = true
  let wanted: (() => KeyValueStore) | undefined

  async function opened(open: () => KeyValueStore): Promise<KeyValueStore | undefined> {
    while (wanted === open) {
      const next = unlessThrown(open)
      const until = time.now() + ATTEMPT_MS
      while (next && wanted === open && time.now() < until) {
        if ((await answers(next)) && wanted === open) return next
        await sleep(PING_PAUSE_MS, time)
      }
      await next?.close()
      await sleep(RETRY_MS, time)
    }
    return undefined
  }

  async function replace(open: () => KeyValueStore): Promise<void> {
    const next = await opened(open)
    if (!next) return
    const former = current
    current = next
    wanted = undefined
    time.after(lingerMs, () => former.close())
  }

  return {
    get: (key) => current.get(key),
    set: (key, value) => current.set(key, value),
    delete: (key) => current.delete(key),
    ping: () => current.ping(),
    close() {
      wanted = undefined
      return current.close()
    },
    current: () => current,
    follow(open) {
      if (isFirst) current = open()
      else if (wanted !== open) {
        wanted = open
        void replace(open)
      }
      isFirst = false
    },
  }
}

/** A certificate may be missing for a moment, or a descriptor: the next attempt finds it. */
function unlessThrown(open: () => KeyValueStore): KeyValueStore | undefined {
  try {
    return open()
  } catch {
    return undefined
  }
}

function unknown(): Promise<never> {
  return Promise.reject(new StoreUnavailable('no Redis endpoint is known yet'))
}
