import {
  CannotGoOn,
  type Entry,
  type ScannableStore,
  StoreUnavailable,
  UnreadableRecord,
} from './key-value.ts'
import type { RedisClient } from './redis-client.ts'

/**
 * Redis or Valkey, in any topology. `close` closes `client`; `onReadOnly` is told that it refused a write as a replica.
 */
export function createRedisStore(
  client: RedisClient,
  onReadOnly: () => void = () => {},
): ScannableStore {
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
    async *pages(prefix, from) {
      const pages = client.keys(prefix, from)
      for (;;) {
        const page = await pages.next().catch(refuse)
        if (page.done) return
        const { keys, position } = page.value
        const values = await Promise.all(
          keys.map((key) => client.read(['get', key]).catch((error) => refuse(error, key))),
        )
        const entries = keys.flatMap((key, index): Entry[] => {
          const value = values[index]
          return typeof value === 'string' ? [[key, value]] : []
        })
        yield { entries, position }
      }
    },
    close: () => client.close(),
  }
}

/** Redis down, slow or refusing is an expected event; a value of another type is not ours to read. */
function refuse(error: Error, key = 'a key'): never {
  if (error instanceof CannotGoOn) throw error
  if (error.message.startsWith('WRONGTYPE')) throw new UnreadableRecord(key)
  throw new StoreUnavailable(`Redis: ${error.message}`, { cause: error })
}
