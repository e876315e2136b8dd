import { type Store, StoreUnavailable } from './store.ts'

/** A store that another one can take the place of while requests are on their way. */
export interface FollowingStore extends Store {
  /** From now on `next` is asked; the one before it is closed when its last requests have had their time. */
  follow(next: Store): void
}

/** Unavailable until `follow` is called for the first time. `lingerMs` is how long the former store still has. */
export function createFollowingStore(lingerMs: number): FollowingStore {
  let current: Store | undefined
  const store = async () => {
    if (!current) throw new StoreUnavailable('no Redis endpoint is known yet')
    return current
  }
  return {
    birthdayOf: async (username) => (await store()).birthdayOf(username),
    saveBirthday: async (username, date) => (await store()).saveBirthday(username, date),
    forgetBirthday: async (username) => (await store()).forgetBirthday(username),
    ping: async () => (await store()).ping(),
    close: async () => current?.close(),
    follow(next) {
      const former = current
      current = next
      if (former) setTimeout(() => former.close(), lingerMs)
    },
  }
}
