import { readFileSync } from 'node:fs'
import { RedisClient } from 'bun'
import calculateSlot from 'cluster-key-slot'
import { Cluster, Redis } from 'ioredis'

/**
 * How a floor sends its commands: with ioredis, those of one turn of the event loop in one pipeline for each primary, or
 * each by itself; or with Bun's client, with and without its own batches.
 */
export type Sending = 'batched' | 'single' | 'native' | 'native-single'

export interface FloorStore {
  get(key: string): Promise<string | null>
  set(key: string, value: string): Promise<unknown>
}

const WAIT_MS = 400

/** The least that reads and writes the Redis in the variables that configure the service. */
export function connectFloor(sending: Sending): FloorStore {
  if (sending === 'batched') return batched()
  if (sending === 'single') return single()
  const { REDIS_ENDPOINT } = process.env
  return new RedisClient(`redis://${REDIS_ENDPOINT}`, {
    enableAutoPipelining: sending === 'native',
  })
}

type Command = [name: string, ...parameters: string[]]

interface Batch {
  commands: Command[]
  replies: Promise<unknown[]>
}

function batched(): FloorStore {
  const { nodeOf, replicas } = connect()
  const batches = new Map<Redis, Batch>()

  function openBatch(node: Redis): Batch {
    const commands: Command[] = []
    const sent = new Promise((resolve) => setImmediate(resolve))
    const replies = sent.then(() => {
      batches.delete(node)
      return exec(node, commands, replicas)
    })
    const batch = { commands, replies }
    batches.set(node, batch)
    return batch
  }

  async function send(...command: Command): Promise<unknown> {
    const node = nodeOf(command[1] ?? '')
    const batch = batches.get(node) ?? openBatch(node)
    const index = batch.commands.push(command) - 1
    return (await batch.replies)[index]
  }
  return {
    get: (key) => send('get', key) as Promise<string | null>,
    set: (key, value) => send('set', key, value),
  }
}

function single(): FloorStore {
  const { redis, nodeOf, replicas } = connect()
  return {
    get: (key) => redis.get(key),
    set: (key, value) =>
      replicas > 0 ? exec(nodeOf(key), [['set', key, value]], replicas) : redis.set(key, value),
  }
}

/** The replies, after a WAIT if there is something to wait for. Throws the first error. */
async function exec(node: Redis, commands: Command[], replicas: number): Promise<unknown[]> {
  const waits = replicas > 0 && commands.some(([name]) => name === 'set')
  const wait: Command = ['wait', String(replicas), String(WAIT_MS)]
  const outcomes = (await node.pipeline(waits ? [...commands, wait] : commands).exec()) ?? []
  const replies = outcomes.map(([error, reply]) => {
    if (error) throw error
    return reply
  })
  if (waits && Number(replies.pop()) < replicas) throw new Error('a replica is missing')
  return replies
}

function connect() {
  const env = process.env
  const { REDIS_ENDPOINT = '', REDIS_TLS_CA_FILE: caFile, REDIS_WAIT_REPLICAS = '0' } = env
  const endpoints = REDIS_ENDPOINT.split(',').map((endpoint) => {
    const [host = '', port] = endpoint.split(':')
    return { host, port: Number(port) }
  })
  const redisOptions = caFile ? { tls: { ca: readFileSync(caFile, 'utf8') } } : {}
  const replicas = Number(REDIS_WAIT_REPLICAS)
  if (env.REDIS_MODE !== 'cluster') {
    const redis = new Redis({ ...redisOptions, ...endpoints[0] })
    return { redis, nodeOf: () => redis, replicas }
  }
  const redis = new Cluster(endpoints, { redisOptions })
  const nodeOf = (key: string): Redis => {
    const address = redis.slots[calculateSlot(key)]?.[0]
    const nodes = redis.nodes('master')
    const node = nodes.find(({ options }) => `${options.host}:${options.port}` === address)
    if (!node) throw new Error('the slots of the cluster are not known yet')
    return node
  }
  return { redis, nodeOf, replicas }
}
