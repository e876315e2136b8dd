import { join } from 'node:path'
import { name } from '../../package.json'
import type { Config } from '../config/config.ts'
import type { Endpoint } from '../config/settings.ts'
import type { Log } from '../telemetry/log.ts'
import { createFollowingStore } from './following.ts'
import type { KeyValueStore } from './key-value.ts'
import { createRedisStore } from './redis.ts'
import { connectRedis, reportConnections } from './redis-client.ts'
import { openSqlite } from './sqlite.ts'

/** The configured store. What changes while it serves is taken up without a failed request. */
export interface OpenStore {
  records: KeyValueStore
  /** Goes to Redis at other endpoints; does nothing with none. */
  followEndpoints(endpoints: Endpoint[]): void
  /** Connects to Redis with another password. */
  followPassword(password: string): void
  /** The one that the connections that serve were opened with. */
  passwordInUse(): string | undefined
}

/** How long a former store stays open: what it was asked it has answered by then, in whichever mode. */
const LINGER_MS = 1000

/** Redis if it is configured, else the SQLite file. */
export function openStore(config: Pick<Config, 'redis' | 'stateDirectory'>, log: Log): OpenStore {
  if (!config.redis) {
    return {
      records: openSqlite(join(config.stateDirectory, `${name}.db`)),
      followEndpoints() {},
      followPassword() {},
      passwordInUse: () => undefined,
    }
  }
  let { redis } = config
  const report = reportConnections(log)
  const records = createFollowingStore(LINGER_MS)
  const passwords = new WeakMap<KeyValueStore, string>()
  const connected = () => {
    try {
      return connectRedis(redis, report)
    } catch (error) {
      report.failed((error as Error).message)
      throw error
    }
  }
  const open = () => {
    // What was the primary is a replica: the endpoint leads to the new one, or will soon.
    const store = createRedisStore(connected(), () => records.follow(open))
    if (redis.password) passwords.set(store, redis.password)
    return store
  }
  const follow = (change: Partial<typeof redis>) => {
    const former = redis
    redis = { ...redis, ...change }
    try {
      records.follow(() => open())
    } catch (error) {
      redis = former
      throw error
    }
  }
  if (redis.endpoints.length > 0) records.follow(open)
  return {
    records,
    followEndpoints(endpoints) {
      if (endpoints.length === 0 || Bun.deepEquals(endpoints, redis.endpoints)) return
      log.info({ event: 'redis-endpoint', endpoints })
      follow({ endpoints })
    },
    followPassword(password) {
      if (password === redis.password) return
      log.info({ event: 'redis-password', state: 'replaced' })
      follow({ password })
    },
    passwordInUse: () => passwords.get(records.current()),
  }
}
