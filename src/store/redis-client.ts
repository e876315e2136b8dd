import { readFileSync } from 'node:fs'
import { Cluster, Redis } from 'ioredis'
import type { RedisConfig } from '../config/config.ts'
import type { Log } from '../telemetry/log.ts'
import {
  batched,
  NOT_SENT,
  pipelined,
  type RedisCommand,
  type Route,
  type Send,
} from './batched.ts'
import { clusterRoute } from './cluster-route.ts'
import { replicatedWrites } from './replicated-writes.ts'

/** What the store needs from Redis. Every promise settles within the command timeout, or 850 ms in a cluster, if longer. */
export interface RedisClient {
  read(command: RedisCommand): Promise<unknown>
  /** SET and DEL; with `waitReplicas`, resolves when that many replicas have it. */
  write(command: RedisCommand): Promise<unknown>
  /** Resolves when Redis answers and there is a connection for writes. */
  ping(): Promise<void>
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 1000
const RECONNECT_MIN_MS = 50
const RECONNECT_MAX_MS = 1000

/** Connects in the background and retries forever; commands fail at once while there is no connection. */
export function connectRedis(config: RedisConfig, log: Log): RedisClient {
  const reads = connect(config, log, pipelined(config.commandTimeoutMs))
  // WAIT blocks its connection, so reads must not queue behind it.
  const writes =
    config.waitReplicas === 0
      ? reads
      : connect(config, log, replicatedWrites(config.waitReplicas, config.commandTimeoutMs))
  return {
    read: reads.operation,
    write: writes.operation,
    async ping() {
      await reads.operation(['ping'])
      if (!writes.connected()) throw new Error('no connection for writes')
    },
    async close() {
      for (const each of new Set([reads, writes])) each.close()
    },
  }
}

function connect(config: RedisConfig, log: Log, send: Send) {
  const client = config.mode === 'cluster' ? connectCluster(config) : connectPrimary(config)
  let lastError: string | undefined
  let closed = false
  // A switch of the primary that a Sentinel reports while the client looks for it ends the client for good.
  client.on('end', () => {
    if (!closed) setTimeout(() => closed || client.connect().catch(() => {}), backoff(1))
  })
  client.on('ready', () => {
    lastError = undefined
    log.info({ event: 'store-connection', state: 'ready' })
  })
  client.on('error', (error: Error & { lastNodeError?: Error }) => {
    const reason = [error, error.lastNodeError].flatMap((one) => one?.message ?? []).join(' ')
    // The delay until the next attempt differs each time, and would make each a new line.
    const lasting = reason.replace(/ Retrying from scratch after [\d.]+ms\./, '')
    if (lastError === lasting) return
    lastError = lasting
    log.warn({ event: 'store-connection', state: 'error', reason: lastError })
  })
  /** Without a connection ioredis says only that it has none; the last connection error is the reason. */
  const explain = (error: Error) => {
    if (!NO_CONNECTION.test(error.message)) throw error
    throw new Error(lastError ?? 'not connected yet', { cause: error })
  }
  const route = client instanceof Cluster ? clusterRoute(client, send) : routeTo(client)
  return {
    operation: batched(
      { ...route, refused: (...attempt) => route.refused(...attempt).catch(explain) },
      send,
    ),
    connected: () => client.status === 'ready',
    close() {
      closed = true
      client.disconnect()
    },
  }
}

function routeTo(client: Redis): Route {
  return {
    connections: () => () => client,
    refused: (_, error) => Promise.reject(error),
  }
}

const NO_CONNECTION = new RegExp(`^(Stream isn't writeable|${NOT_SENT})`)

function connectPrimary(config: RedisConfig): Redis {
  const [first] = config.endpoints
  const options = {
    ...connectionOptions(config),
    retryStrategy: backoff,
    // A former primary answers READONLY: look for the new one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
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
    // A peer that hangs sends nothing: drop the connection, or timed-out commands pile up in its queue.
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
