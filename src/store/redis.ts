import { readRecord } from './record.ts'
import type { RedisClient } from './redis-client.ts'
import { birthdayKey, type Store, StoreUnavailable, UnreadableRecord } from './store.ts'

/** Birthdays in Redis or Valkey, whatever its topology. `close` ends `client`. */
export function createRedisStore(client: RedisClient): Store {
  return {
    async birthdayOf(username) {
      const key = birthdayKey(username)
      const value = await client.read(['get', key]).catch((error) => refuse(error, key))
      return value === null ? undefined : readRecord(key, value as string)
    },
    async saveBirthday(username, date) {
      await client.write(['set', birthdayKey(username), date.toString()]).catch(refuse)
    },
    async forgetBirthday(username) {
      return Number(await client.write(['del', birthdayKey(username)]).catch(refuse)) > 0
    },
    async ping() {
      await client.read(['ping']).catch(refuse)
    },
    close: () => client.close(),
  }
}

/** Redis down, slow or refusing is an expected event; a value of another type is not ours to read. */
function refuse(error: Error, key = 'a key'): never {
  if (error.message.startsWith('WRONGTYPE')) throw new UnreadableRecord(key)
  throw new StoreUnavailable(`Redis: ${error.message}`, { cause: error })
}
