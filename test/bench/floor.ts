/**
 * The floor: bare `Bun.serve`, ioredis, one read or one write, nothing else. Usage: bun floor.ts PORT single|batched,
 * whether each command is sent by itself, or those of one turn of the event loop in one pipeline.
 */
import { type ChainableCommander, Redis } from 'ioredis'

const [, , listenPort, sending] = process.argv
const [host = '127.0.0.1', port = '6379'] = (process.env.REDIS_ENDPOINT ?? '').split(':')
const redis = new Redis({ host, port: Number(port) })

let batch: { commands: ChainableCommander; replies: Promise<unknown[]>; length: number } | undefined

/** The batch of this turn, sent at its end. */
function openBatch() {
  const commands = redis.pipeline()
  const sent = new Promise((resolve) => setImmediate(resolve))
  const replies = sent.then(async () => {
    batch = undefined
    return ((await commands.exec()) ?? []).map(([error, reply]) => {
      if (error) throw error
      return reply
    })
  })
  return { commands, replies, length: 0 }
}

async function send(name: string, ...parameters: string[]): Promise<unknown> {
  if (sending === 'single') return redis.call(name, ...parameters)
  batch ??= openBatch()
  const { commands, replies } = batch
  const index = batch.length++
  commands.call(name, ...parameters)
  return (await replies)[index]
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
