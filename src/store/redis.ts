import { type KeyValueStore, StoreUnavailable, UnreadableRecord } from './key-value.ts'
import type { RedisClient } from './redis-client.ts'

/**
 * Redis or Valkey, in any topology. `close` closes `client`; `onReadOnly` is told that it refused a write as a replica.
 */
export function createRedisStore(
  client: RedisClient,
  onReadOnly: () => void = () => {},
): KeyValueStore {
  const refuseWrite = (error: Error) => {
    if (error.message.startsWith('READONLY')) onReadOnly()
    return refuse(error)
  }
  return {
    get: (key) =>
      client.read(['get', key]).catch((error) => refuse(error, key)) as Promise<string | null>,
    async set(key, value) {
      await client.write(['set', key, value]).catch(refuseWrite)
    },
    async delete(key) {
      return Number(await client.write(['del', key]).catch(refuseWrite)) > 0
    },
    async ping() {
      await client.ping().catch(refuse)
    },
    close: () => client.close(),
  }
}

/** Redis down, slow or refusing is an expected event; a value of another type is not ours to read. */
function refuse(error: Error, key = 'a key'): never {
  if (error.message.startsWith('WRONGTYPE')) throw new UnreadableRecord(key)
  throw new StoreUnavailable(`Redis: ${error.message}`, { cause: error })
}
