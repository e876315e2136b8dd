import type { Store } from '../../../src/birthdays/store.ts'
import { storeBirthdaysIn } from '../../../src/birthdays/store.ts'
import type { RedisConfig } from '../../../src/config/config.ts'
import { createRedisStore } from '../../../src/store/redis.ts'
import { connectRedis } from '../../../src/store/redis-client.ts'
import { memoryLog } from './app.ts'
import { eventually } from './process.ts'

/** A connected Redis store as the service opens it. */
export async function redisStore(
  endpoint: string,
  options: Partial<RedisConfig> = {},
): Promise<Store> {
  const store = storeBirthdaysIn(
    createRedisStore(
      connectRedis(
        {
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
        },
        memoryLog(),
      ),
    ),
  )
  await eventually('the store answers', async () => {
    await store.ping()
    return true
  })
  return store
}
