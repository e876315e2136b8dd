import { join } from 'node:path'
import { name } from '../../package.json'
import type { Config } from '../config/config.ts'
import type { Log } from '../telemetry/log.ts'
import type { KeyValueStore } from './key-value.ts'
import { createRedisStore } from './redis.ts'
import { connectRedis } from './redis-client.ts'
import { openSqlite } from './sqlite.ts'

/** The configured store: Redis if it has an endpoint, else the SQLite file. */
export function openStore(
  config: Pick<Config, 'redis' | 'stateDirectory'>,
  log: Log,
): KeyValueStore {
  return config.redis
    ? createRedisStore(connectRedis(config.redis, log))
    : openSqlite(join(config.stateDirectory, `${name}.db`))
}
