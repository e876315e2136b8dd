import type { RedisConfig } from '../../../src/config/config.ts'
import type { KeyValueStore } from '../../../src/store/key-value.ts'
import { createRedisStore } from '../../../src/store/redis.ts'
import { connectRedis, reportConnections } from '../../../src/store/redis-client.ts'
import { memoryLog } from './app.ts'
import { eventually } from './process.ts'

/** How the service is configured for the Redis at `endpoint`. */
export function redisConfig(endpoint: string, options: Partial<RedisConfig> = {}): RedisConfig {
  return {
    mode: 'standalone',
    endpoints: endpoint.split(',').map((part) => {
      const [host = '', port] = part.split(':')
      return { host, port: Number(port) }
    }),
    sentinelMaster: 'mymaster',
    tls: false,
    waitReplicas: 0,
    commandTimeoutMs: 500,
    ...options,
  }
}

/** A Redis store as the service opens it; it may not answer yet. */
export function unreadyRedisStore(
  endpoint: string,
  options: Partial<RedisConfig> = {},
): KeyValueStore {
  const client = connectRedis(redisConfig(endpoint, options), reportConnections(memoryLog()))
  return createRedisStore(client)
}

/** A Redis store that can be read and written. */
export async function redisStore(
  endpoint: string,
  options: Partial<RedisConfig> = {},
): Promise<KeyValueStore> {
  const store = unreadyRedisStore(endpoint, options)
  await eventually('the store answers', async () => {
    await store.ping()
    return true
  })
  return store
}
