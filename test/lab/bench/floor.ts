/** The floor: bare `Bun.serve`, a Redis client, one read or one write, nothing else. Usage: bun floor.ts PORT SENDING */
import { connectFloor, type Sending } from './floor-store.ts'

const [, , listenPort, sending] = process.argv
const store = connectFloor(sending as Sending)

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(listenPort),
  reusePort: true,
  development: false,
  error: (error) => new Response(error.message, { status: 500 }),
  async fetch(request) {
    const key = `floor:${request.url.slice(request.url.lastIndexOf('/') + 1)}`
    if (request.method === 'PUT') {
      const { dateOfBirth } = (await request.json()) as { dateOfBirth: string }
      await store.set(key, dateOfBirth)
      return new Response(null, { status: 204 })
    }
    const value = await store.get(key)
    return new Response(value, { status: value === null ? 404 : 200 })
  },
})
