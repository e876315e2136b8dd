/**
 * The limit: what the runtime and the client can do at all, with the answers, headers, ids and keys of the service, and
 * one batch a turn, but neither log, metrics, router nor checks. `alone` leaves the store out, too: Bun answering the same
 * bytes after one turn of the event loop. Usage: bun limit.ts PORT limit|alone
 */
import { readFileSync } from 'node:fs'
import calculateSlot from 'cluster-key-slot'
import { Cluster, Redis } from 'ioredis'
import { greeting, parseDate } from '../../../../src/domain/birthday.ts'
import { createCalendar } from '../../../../src/domain/calendar.ts'
import { birthdayKey } from '../../../../src/domain/store.ts'

const [, , listenPort, kind] = process.argv
const { today, daysUntil } = createCalendar(() => Temporal.Now.plainDateISO('UTC'))
const RELEASE = '0'.repeat(40)
const INSTANCE = 'i-0123456789abcdef0'

type Command = [name: string, ...parameters: string[]]

const send = kind === 'alone' ? answerAlone() : batched(connect())

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(listenPort),
  reusePort: true,
  development: false,
  error: (error) => new Response(error.message, { status: 500 }),
  async fetch(request) {
    const username = request.url.slice(request.url.lastIndexOf('/') + 1)
    const key = birthdayKey(username)
    if (request.method === 'PUT') {
      const { dateOfBirth } = (await request.json()) as { dateOfBirth: string }
      const date = parseDate(dateOfBirth)
      if (!date || Temporal.PlainDate.compare(date, today()) >= 0) throw new Error('not a date')
      await send('set', key, date.toString())
      return new Response(null, { status: 204, headers: common() })
    }
    const value = (await send('get', key)) as string | null
    if (value === null) return new Response(null, { status: 404 })
    const date = parseDate(value) as Temporal.PlainDate
    const message = greeting(username, daysUntil(date))
    return new Response(JSON.stringify({ message }), {
      headers: {
        'Content-Type': 'application/json',
        'Cache-Control': 'no-store',
        ...common(),
      },
    })
  },
})

function common() {
  return {
    'X-Request-Id': crypto.randomUUID(),
    'X-Release': RELEASE,
    'X-Instance': INSTANCE,
    'X-Content-Type-Options': 'nosniff',
  }
}

function answerAlone(): (...command: Command) => Promise<unknown> {
  return (name) =>
    new Promise((resolve) => setImmediate(() => resolve(name === 'get' ? '1815-12-10' : 'OK')))
}

/** Sends the commands of one turn of the event loop in one pipeline for each primary. */
function batched(nodeOf: (key: string) => Redis): (...command: Command) => Promise<unknown> {
  const batches = new Map<Redis, { commands: Command[]; replies: Promise<unknown[]> }>()

  function openBatch(node: Redis) {
    const commands: Command[] = []
    const sent = new Promise((resolve) => setImmediate(resolve))
    const replies = sent.then(async () => {
      batches.delete(node)
      const outcomes = (await node.pipeline(commands).exec()) ?? []
      return outcomes.map(([error, reply]) => {
        if (error) throw error
        return reply
      })
    })
    const batch = { commands, replies }
    batches.set(node, batch)
    return batch
  }

  return async (...command) => {
    const node = nodeOf(command[1] ?? '')
    const batch = batches.get(node) ?? openBatch(node)
    const index = batch.commands.push(command) - 1
    return (await batch.replies)[index]
  }
}

/** Connects as the variables say that configure the service; which primary has a key. */
function connect(): (key: string) => Redis {
  const { REDIS_ENDPOINT = '', REDIS_TLS_CA_FILE: caFile, REDIS_MODE } = process.env
  const endpoints = REDIS_ENDPOINT.split(',').map((endpoint) => {
    const [host = '', port] = endpoint.split(':')
    return { host, port: Number(port) }
  })
  const redisOptions = caFile ? { tls: { ca: readFileSync(caFile, 'utf8') } } : {}
  if (REDIS_MODE !== 'cluster') {
    const redis = new Redis({ ...redisOptions, ...endpoints[0] })
    return () => redis
  }
  const redis = new Cluster(endpoints, { redisOptions })
  return (key) => {
    const address = redis.slots[calculateSlot(key)]?.[0]
    const node = redis
      .nodes('master')
      .find(({ options }) => `${options.host}:${options.port}` === address)
    if (!node) throw new Error('the slots of the cluster are not known yet')
    return node
  }
}
