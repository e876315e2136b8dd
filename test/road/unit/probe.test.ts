import { expect, test } from 'bun:test'
import { Probe } from '../../../scripts/lib/probe/probe.ts'
import { service } from '../../../scripts/lib/service.ts'

/** How many health checks of the probe fail, of how many, when they get `body` with 503. */
async function failedOf(body: object): Promise<{ requests: number; failed: number }> {
  await using server = Bun.serve({
    port: 0,
    fetch: (request) =>
      new URL(request.url).pathname === service.health.path
        ? Response.json(body, { status: 503 })
        : Response.json({ version: 'a', instance: 'i-1' }),
  })
  const url = `http://localhost:${server.port}`
  const probe = new Probe({ url, release: undefined, rate: 100, token: undefined })
  probe.hasCanary = false
  probe.start()
  await Bun.sleep(300)
  await probe.stop()
  return probe.figures()
}

test('the probe counts no failure when a late load balancer still asks an instance that drains', async () => {
  const { requests, failed } = await failedOf({ status: 'draining' })
  expect(requests).toBeGreaterThan(10)
  expect(failed).toBe(0)
})

test('the probe counts a failure when an instance that never served gets requests', async () => {
  expect((await failedOf({ status: 'starting' })).failed).toBeGreaterThan(0)
})
