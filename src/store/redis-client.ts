import { tracingChannel } from 'node:diagnostics_channel'
import { Cluster, Redis, ReplyError } from 'ioredis'
import { name } from '../../package.json'
import type { RedisConfig } from '../config/config.ts'
import { readSmallFile } from '../config/secrets.ts'
import type { Log } from '../telemetry/log.ts'
import { createReasons } from '../telemetry/reasons.ts'
import {
  batched,
  NOT_SENT,
  pipelined,
  type RedisCommand,
  type Route,
  type Send,
} from './batched.ts'
import { clusterRoute } from './cluster-route.ts'
import { inWords, withoutArguments } from './in-words.ts'
import { scanKeys } from './redis-keys.ts'
import { replicatedWrites } from './replicated-writes.ts'

// Bun has no such property, and ioredis takes that for a subscriber: every command would be traced, for nobody.
Object.defineProperty(Object.getPrototypeOf(tracingChannel(name)), 'hasSubscribers', {
  value: false,
})

/** What the store needs from Redis. Every promise settles within the command timeout, or 850 ms in a cluster, if longer. */
export interface RedisClient {
  read(command: RedisCommand): Promise<unknown>
  /** SET and DEL; with `waitReplicas`, resolves when that many replicas have it. */
  write(command: RedisCommand): Promise<unknown>
  /** All keys that begin with `prefix`; see `ScannableStore`. Needs SCAN and INFO. */
  keys(prefix: string, from?: string): AsyncGenerator<{ keys: string[]; position: string }, void>
  /** Resolves when Redis is of the configured mode, is no replica, and accepts GET, SET and DEL. Changes nothing. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** Told how the connections are. Several clients, of which one takes the place of another, may share it. */
export interface ConnectionReport {
  failed(reason: string): void
  ready(): void
}

/** Logs when connections fail, and when they are there. */
export function reportConnections(log: Log, now?: () => number): ConnectionReport {
  const event = 'store-connection'
  const reasons = createReasons(log, { event, state: 'error' }, now)
  let everReady = false
  return {
    failed: reasons.say,
    ready() {
      if (reasons.over() || !everReady) log.info({ event, state: 'ready' })
      everReady = true
    },
  }
}

const CONNECT_TIMEOUT_MS = 1000
const RECONNECT_MIN_MS = 50
const RECONNECT_MAX_MS = 1000

/** Connects in the background and retries forever; commands fail at once while there is no connection. */
export function connectRedis(config: RedisConfig, report: ConnectionReport): RedisClient {
  const { waitReplicas, commandTimeoutMs } = config
  const told = {
    failed: report.failed,
    ready() {
      if (all.every(({ connected }) => connected())) report.ready()
    },
  }
  const reads = connect(config, pipelined(commandTimeoutMs), told)
  // WAIT blocks its connection, so reads must not queue behind it.
  const writes =
    waitReplicas === 0
      ? reads
      : connect(config, replicatedWrites(waitReplicas, commandTimeoutMs), told)
  const all = [...new Set([reads, writes])]
  return {
    read: reads.operation,
    write: writes.operation,
    async *keys(prefix, from) {
      try {
        yield* scanKeys(reads.client, prefix, from)
      } catch (error) {
        reads.explain(error as Error)
      }
    },
    async ping() {
      const key = `${PROBE}:${crypto.randomUUID()}`
      await Promise.all([
        ...(config.mode === 'cluster' ? [] : all.map(mustBePrimary)),
        reads.operation(['get', key]),
        writes.operation(['set', key, '', 'xx']),
        writes.operation(['del', key]),
      ])
    },
    async close() {
      for (const each of all) each.close()
    },
  }
}

/** Prefix of keys that nobody has; in a cluster each is in a slot of its own. */
const PROBE = `${name}:probe`

interface Connection {
  client: Redis | Cluster
  operation(command: RedisCommand): Promise<unknown>
  /** Throws `error` without arguments of commands, or why there is no connection if that is what it says. */
  explain(error: Error): never
  connected(): boolean
  close(): void
}

/** Of a replica that takes writes, they would be lost. HELLO tells, and is allowed to every user. */
async function mustBePrimary({ operation }: Connection): Promise<void> {
  const { mode, role } = await operation(['hello']).then(asRecord, (error: Error) => {
    // A proxy may not know HELLO.
    if (!/^(ERR )?unknown command/i.test(error.message)) throw error
    return {} as Record<string, unknown>
  })
  if (mode === 'cluster') {
    throw new Error('it is a node of a cluster: expected REDIS_MODE=cluster, or another endpoint')
  }
  if (mode === 'sentinel') {
    throw new Error('it is a Sentinel: expected REDIS_MODE=sentinel, or another endpoint')
  }
  if (role === 'replica') throw new Error('it is a replica: expected the primary')
}

/** Fields and values, alternating. */
function asRecord(reply: unknown): Record<string, unknown> {
  const list = Array.isArray(reply) ? reply : []
  return Object.fromEntries(list.flatMap((field, i) => (i % 2 ? [] : [[field, list[i + 1]]])))
}

function connect(config: RedisConfig, send: Send, report: ConnectionReport): Connection {
  const address = config.endpoints.map(({ host, port }) => `${host}:${port}`).join(',')
  let lastReason: string | undefined
  let closed = false
  const failed = (reason: string) => {
    lastReason = reason
    report.failed(reason)
  }
  const words = (error: Error, at = address) => inWords(error, { address: at, tls: config.tls })
  const unresolved = (error?: Error) => error && failed(words(error))
  const client =
    config.mode === 'cluster' ? connectCluster(config, unresolved) : connectPrimary(config)
  // A switch of the primary that a Sentinel reports while the client looks for it ends the client for good.
  client.on('end', () => {
    if (!closed) setTimeout(() => closed || client.connect().catch(() => {}), backoff(1))
  })
  client.on('ready', () => {
    lastReason = undefined
    report.ready()
    if (client instanceof Redis) void leaveReplica(client)
  })
  if (client instanceof Cluster) tellClusterErrors(client, words, failed)
  else tellErrors(client, words, failed)
  const explain = (error: Error): never => {
    if (NO_CONNECTION.test(error.message))
      throw new Error(lastReason ?? `connecting to ${address}`, { cause: error })
    const message = withoutArguments(error.message)
    throw message === error.message ? error : new Error(message)
  }
  const route = client instanceof Cluster ? clusterRoute(client, send) : routeTo(client)
  return {
    client,
    explain,
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

/** A Sentinel that does not know of the latest switch leads to a replica: has `client` ask the next one. */
async function leaveReplica(client: Redis): Promise<void> {
  const { role } = await client.call('hello').then(asRecord, () => ({}) as Record<string, unknown>)
  // biome-ignore lint/complexity/useLiteralKeys: it is private, and ioredis asks it only about what INFO says
  if (role === 'replica' && !client['connector'].check({ role: 'slave' })) client.disconnect(true)
}

type Words = (error: Error, address?: string) => string
type Failed = (reason: string) => void

function tellErrors(client: Redis, words: Words, failed: Failed): void {
  let sentinel: string | undefined
  client.on('sentinelError', (error: Error) => {
    sentinel = words(error)
  })
  client.on('error', (error: Error) => {
    // Of the Sentinels' errors this one holds only the last, and the delay until the next attempt, which differs each time.
    const unreachable = error.message.startsWith('All sentinels')
    failed(unreachable && sentinel ? sentinel : words(error))
  })
}

/** The cluster's own error says that no node answered; those of the nodes say why. */
function tellClusterErrors(client: Cluster, words: Words, failed: Failed): void {
  let ofNode: string | undefined
  client.on('+node', (node: Redis) => {
    const { host, port } = node.options
    node.on('error', (error: Error) => {
      ofNode = words(error, `${host}:${port}`)
      if (client.status !== 'ready') failed(ofNode)
    })
  })
  client.on('error', (error: Error & { lastNodeError?: Error }) => {
    const { lastNodeError } = error
    const answered = lastNodeError instanceof ReplyError
    failed(answered || !ofNode ? words(lastNodeError ?? error) : ofNode)
  })
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

function connectCluster(config: RedisConfig, unresolved: (error?: Error) => void): Cluster {
  return new Cluster(config.endpoints, {
    redisOptions: connectionOptions(config),
    // Later than the connections to the nodes, which say why.
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS + 100,
    clusterRetryStrategy: (attempt, error) => {
      unresolved(error)
      return backoff(attempt)
    },
    enableReadyCheck: false,
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
    // It needs INFO, and waits for seconds where Redis is loading. What Redis cannot do, its answers say.
    enableReadyCheck: false,
    ...(config.password && { username: config.username ?? 'default', password: config.password }),
    ...(config.tls && { tls: tlsOptions(config) }),
  }
}

function tlsOptions({ tlsCaFile }: RedisConfig): { ca?: string } {
  if (!tlsCaFile) return {}
  try {
    return { ca: readSmallFile(tlsCaFile).toString() }
  } catch (error) {
    const reason = `REDIS_TLS_CA_FILE: ${tlsCaFile}: ${(error as Error).message}`
    throw new Error(reason, { cause: error })
  }
}

function backoff(attempt: number): number {
  const delay = Math.min(RECONNECT_MIN_MS * 2 ** Math.min(attempt, 10), RECONNECT_MAX_MS)
  return delay * (0.75 + Math.random() / 2)
}
