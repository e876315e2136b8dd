import { readRecord } from './record.ts'
import type { RedisClient } from './redis-client.ts'
import { birthdayKey, type Store, StoreUnavailable, UnreadableRecord } from './store.ts'

/** Birthdays in Redis or Valkey, whatever its topology. `close` ends `client`. */
export function createRedisStore(client: RedisClient): Store {
  return {
    async birthdayOf(username) {
      const key = birthdayKey(username)
      const value = await attempt(key, client.get(key))
      return value === null ? undefined : readRecord(key, value)
    },
    async saveBirthday(username, date) {
      const key = birthdayKey(username)
      await attempt(key, client.set(key, date.toString()))
    },
    async forgetBirthday(username) {
      const key = birthdayKey(username)
      return (await attempt(key, client.del(key))) > 0
    },
    async ping() {
      await attempt('', client.ping())
    },
    close: () => client.close(),
  }
}

/** Redis down, slow or refusing is an expected event; a value of another type is not ours to read. */
async function attempt<T>(key: string, reply: Promise<T>): Promise<T> {
  try {
    return await reply
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (reason.startsWith('WRONGTYPE')) throw new UnreadableRecord(key)
    throw new StoreUnavailable(`Redis: ${reason}`, { cause: error })
  }
}
