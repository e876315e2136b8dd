import { readFileSync } from 'node:fs'
import { Cluster, Redis } from 'ioredis'
import type { RedisConfig } from '../config.ts'
import type { Log } from '../log.ts'
import { batched, type RedisCommand } from './batched.ts'
import { type RedisWrite, replicatedWrites } from './replicated-writes.ts'

/** What the store needs of Redis. Every promise settles within about the command timeout. */
export interface RedisClient {
  /** GET and PING. */
  read(command: RedisCommand): Promise<unknown>
  /** SET and DEL; with `waitReplicas`, resolves when that many replicas have it. */
  write(command: RedisWrite): Promise<unknown>
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 1000
const RECONNECT_MIN_MS = 50
const RECONNECT_MAX_MS = 1000

/** Connects in the background and for ever; commands fail at once while there is no connection. */
export function connectRedis(config: RedisConfig, log: Log): RedisClient {
  const reads = connect(config, log)
  const read = reads instanceof Cluster ? direct(reads) : batched(reads)
  if (config.waitReplicas === 0) {
    return { read, write: read, close: async () => reads.disconnect() }
  }
  // WAIT blocks its connection, so reads must not queue behind it.
  const writes = connect(config, log)
  return {
    read,
    write: replicatedWrites(writes, config.waitReplicas, config.commandTimeoutMs),
    async close() {
      reads.disconnect()
      writes.disconnect()
    },
  }
}

/** Keys of a batch would belong to several nodes of a cluster, so there each command travels alone. */
function direct(cluster: Cluster): (command: RedisCommand) => Promise<unknown> {
  return ([name, ...parameters]) => cluster.call(name, ...parameters)
}

function connect(config: RedisConfig, log: Log): Redis | Cluster {
  const client = config.mode === 'cluster' ? connectCluster(config) : connectPrimary(config)
  let reported: string | undefined
  const report = (state: string, fields: object) => {
    if (reported === state) return
    reported = state
    log.info({ event: 'store-connection', ...fields })
  }
  client.on('ready', () => report('ready', { state: 'ready' }))
  client.on('error', (error: Error) =>
    report(error.message, { state: 'error', reason: error.message }),
  )
  return client
}

function connectPrimary(config: RedisConfig): Redis {
  const [first] = config.endpoints
  const options = {
    ...connectionOptions(config),
    retryStrategy: backoff,
    // A former primary answers READONLY until it is found again: reconnect and resend.
    reconnectOnError: (error: Error) =>
      error.message.startsWith('READONLY') ? (2 as const) : false,
  }
  if (config.mode === 'standalone') return new Redis({ ...options, ...first })
  return new Redis({
    ...options,
    sentinels: config.endpoints,
    name: config.sentinelMaster,
    failoverDetector: true,
    enableTLSForSentinelMode: config.tls,
    ...(config.tls && { sentinelTLS: tlsOptions(config) }),
    sentinelRetryStrategy: backoff,
  })
}

function connectCluster(config: RedisConfig): Cluster {
  return new Cluster(config.endpoints, {
    redisOptions: connectionOptions(config),
    enableOfflineQueue: false,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    clusterRetryStrategy: backoff,
    // Certificates name hosts, so hosts must stay names (ioredis README, "AWS ElastiCache clusters with TLS").
    ...(config.tls && {
      dnsLookup: (address: string, done: (error: Error | null, address: string) => void) =>
        done(null, address),
    }),
  })
}

function connectionOptions(config: RedisConfig) {
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: config.commandTimeoutMs,
    // A peer that hangs sends nothing: let the connection go, or what timed out piles up in its queue.
    socketTimeout: 2 * config.commandTimeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 1,
    ...(config.username && { username: config.username }),
    ...(config.password && { password: config.password }),
    ...(config.tls && { tls: tlsOptions(config) }),
  }
}

function tlsOptions(config: RedisConfig): { ca?: string } {
  return config.tlsCaFile ? { ca: readFileSync(config.tlsCaFile, 'utf8') } : {}
}

function backoff(attempt: number): number {
  const delay = Math.min(RECONNECT_MIN_MS * 2 ** Math.min(attempt, 10), RECONNECT_MAX_MS)
  return delay * (0.75 + Math.random() / 2)
}
