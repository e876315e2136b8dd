/** The floor: bare `Bun.serve`, ioredis with its defaults, one read or one write, nothing else. Usage: bun floor.ts PORT */
import { Redis } from 'ioredis'

const [host = '127.0.0.1', port = '6379'] = (process.env.REDIS_ENDPOINT ?? '').split(':')
const redis = new Redis({ host, port: Number(port) })

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2]),
  development: false,
  async fetch(request) {
    const key = `floor:${request.url.slice(request.url.lastIndexOf('/') + 1)}`
    if (request.method === 'PUT') {
      const { dateOfBirth } = (await request.json()) as { dateOfBirth: string }
      await redis.set(key, dateOfBirth)
      return new Response(null, { status: 204 })
    }
    const value = await redis.get(key)
    return new Response(value, { status: value === null ? 404 : 200 })
  },
})
