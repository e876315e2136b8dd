import { afterEach, expect, test } from 'bun:test'
import { checkContract } from './check-contract.ts'

let server: Bun.Server<undefined> | undefined
afterEach(() => server?.stop(true))

/** A small service that implements the API, except for what `instead` answers. */
function serve(instead: (request: Request) => Response | undefined): string {
  let saved: string | undefined = '1815-12-10'
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname } = new URL(request.url)
      const answer = instead(request)
      if (answer) return answer
      if (pathname === '/hc' || pathname === '/version') return Response.json({})
      if (pathname !== '/hello/Ada') return new Response(null, { status: 400 })
      if (request.method === 'PUT') {
        const { dateOfBirth } = (await request.json()) as { dateOfBirth: string }
        if (dateOfBirth.endsWith('-02-30')) return new Response(null, { status: 400 })
        saved = dateOfBirth
        return new Response(null, { status: 204 })
      }
      if (!saved) return new Response(null, { status: 404 })
      if (request.method === 'GET') return Response.json({ message: 'Hello, Ada! Happy birthday!' })
      saved = undefined
      return new Response(null, { status: 204 })
    },
  })
  return `http://127.0.0.1:${server.port}`
}

test('accepts a server that implements the API', async () => {
  expect(await checkContract(serve(() => undefined))).toBe('Hello, Ada! Happy birthday!')
})

test('refuses a server that accepts any date', async () => {
  const lax = serve(({ method }) =>
    method === 'PUT' ? new Response(null, { status: 204 }) : undefined,
  )
  await expect(checkContract(lax)).rejects.toThrow('PUT /hello/Ada: got 204, expected 400')
})

test('refuses a server with another greeting', async () => {
  let reads = 0
  const curt = serve(({ method, url }) =>
    method === 'GET' && url.endsWith('/hello/Ada') && ++reads > 1
      ? Response.json({ message: 'Hi' })
      : undefined,
  )
  await expect(checkContract(curt)).rejects.toThrow('GET /hello/Ada answers Hi')
})
