import { expect, test } from 'bun:test'
import { temporaryFolder } from '../support/process.ts'
import { assignCores } from './cores.ts'
import { buildFixedRate, measureLatency, saveUsers } from './fixed-rate.ts'

const STALL_MS = 800

test('a request that is due while the server stalls is measured from then, not from when it was sent', async () => {
  using folder = temporaryFolder()
  await buildFixedRate(folder.path)
  const saved = new Map<string, string>()
  let stalled = false
  using server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      if (request.method === 'PUT') {
        saved.set(new URL(request.url).pathname, await request.text())
        return new Response(null, { status: 204 })
      }
      if (!stalled) await Bun.sleep(STALL_MS).then(() => (stalled = true))
      return new Response('{}')
    },
  })
  const target = { url: String(server.url), pids: [], firstAnswerMs: 0, stop: async () => {} }
  const store = { environment: {}, stop: async () => {} }
  const setup = { folder: folder.path, cores: assignCores(1), users: 12, store }
  await saveUsers(target, setup)
  expect([...saved.keys()].toSorted().at(-1)).toBe('/hello/Useraaaabb')
  expect([...saved.keys()]).toHaveLength(12)
  expect([...saved.values()][0]).toMatch(/^\{"dateOfBirth":"1[0-8]\d\d-12-10"\}$/)

  const options = { method: 'GET', share: 0.5, rate: 200, seconds: 1 } as const
  const { p50Ms, p999Ms, requestsPerSecond } = await measureLatency('gin', target, setup, options)
  // 160 of 200 requests were due during the stall, of which a closed loop would have seen only 64.
  expect(p50Ms).toBeGreaterThan(STALL_MS / 4)
  expect(p999Ms).toBeGreaterThan(STALL_MS * 0.9)
  expect(requestsPerSecond).toBeLessThan(202)
})
