/**
 * The floor: bare `Bun.serve`, ioredis, one read or one write, nothing else. Usage: bun floor.ts PORT single|batched,
 * whether each command is sent by itself, or those of one turn of the event loop in one pipeline for each primary.
 */
import { readFileSync } from 'node:fs'
import calculateSlot from 'cluster-key-slot'
import { type ChainableCommander, Cluster, Redis } from 'ioredis'

const [, , listenPort, sending] = process.argv
const { REDIS_ENDPOINT = '127.0.0.1:6379', REDIS_MODE, REDIS_TLS_CA_FILE: caFile } = process.env
const endpoints = REDIS_ENDPOINT.split(',').map((endpoint) => {
  const [host = '', port] = endpoint.split(':')
  return { host, port: Number(port) }
})
const redisOptions = caFile ? { tls: { ca: readFileSync(caFile, 'utf8') } } : {}
const redis =
  REDIS_MODE === 'cluster'
    ? new Cluster(endpoints, { redisOptions })
    : new Redis({ ...redisOptions, ...endpoints[0] })

interface Batch {
  commands: ChainableCommander
  replies: Promise<unknown[]>
  length: number
}

/** The batches of this turn, each sent at its end. */
const batches = new Map<Redis, Batch>()

function openBatch(node: Redis): Batch {
  const commands = node.pipeline()
  const sent = new Promise((resolve) => setImmediate(resolve))
  const replies = sent.then(async () => {
    batches.delete(node)
    return ((await commands.exec()) ?? []).map(([error, reply]) => {
      if (error) throw error
      return reply
    })
  })
  const batch = { commands, replies, length: 0 }
  batches.set(node, batch)
  return batch
}

function nodeOf(key: string): Redis | undefined {
  if (!(redis instanceof Cluster)) return redis
  const address = redis.slots[calculateSlot(key)]?.[0]
  return redis.nodes('master').find(({ options }) => `${options.host}:${options.port}` === address)
}

async function send(name: string, key: string, ...values: string[]): Promise<unknown> {
  const node = sending === 'batched' ? nodeOf(key) : undefined
  if (!node) return redis.call(name, key, ...values)
  const batch = batches.get(node) ?? openBatch(node)
  const index = batch.length++
  batch.commands.call(name, key, ...values)
  return (await batch.replies)[index]
}

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(listenPort),
  development: false,
  async fetch(request) {
    const key = `floor:${request.url.slice(request.url.lastIndexOf('/') + 1)}`
    if (request.method === 'PUT') {
      const { dateOfBirth } = (await request.json()) as { dateOfBirth: string }
      await send('set', key, dateOfBirth)
      return new Response(null, { status: 204 })
    }
    const value = (await send('get', key)) as string | null
    return new Response(value, { status: value === null ? 404 : 200 })
  },
})
