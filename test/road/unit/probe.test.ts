import { expect, spyOn, test } from 'bun:test'
import { observe } from '../../../scripts/lib/probe/observe.ts'
import { Probe } from '../../../scripts/lib/probe/probe.ts'
import { service } from '../../../scripts/lib/service.ts'
import { eventually } from '../../lab/support/process.ts'

/** How many health checks of the probe fail, of how many, when they get `body` with 503. */
async function failedOf(body: object): Promise<{ requests: number; failed: number }> {
  let asked = 0
  await using server = Bun.serve({
    port: 0,
    fetch: (request) => {
      asked++
      return new URL(request.url).pathname === service.health.path
        ? Response.json(body, { status: 503 })
        : Response.json({ version: 'a', instance: 'i-1' })
    },
  })
  const url = `http://localhost:${server.port}`
  const probe = new Probe({ url, release: undefined, rate: 100, token: undefined })
  probe.hasCanary = false
  probe.start()
  await eventually('the probe has asked twenty times', () => asked > 20)
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

test.each([
  [
    '502 of the load balancer, which names nobody,',
    (): Response => new Response('', { status: 502 }),
  ],
  [
    'a connection that is reset',
    (): never => {
      throw new Error('reset')
    },
  ],
])(
  '%s counts against a release that runs alone, and against nobody while others serve',
  async (_, answer) => {
    const began = performance.now()
    // Three minutes a second.
    using _clock = spyOn(Date, 'now').mockImplementation(() => 180 * (performance.now() - began))
    using _fetch = spyOn(globalThis, 'fetch').mockImplementation((async () =>
      answer()) as unknown as typeof fetch)
    const probe = new Probe({
      url: 'http://balancer.test',
      release: 'b',
      rate: 500,
      token: undefined,
    })
    probe.phase = 'during'
    probe.start()
    await eventually('a hundred have failed, for a minute', () => {
      return probe.figures().failed > 100 && Date.now() > 60_000
    })
    expect(probe.blame(0)).toBeUndefined()
    probe.othersServe = false
    const blame = await eventually('it is blamed', () => probe.blame(0))
    expect(blame).toContain('alone for a minute, failed')
    await probe.stop()
  },
)

test('the right answer of an instance of another launch template version is not what was rolled out', async () => {
  await using server = Bun.serve({
    port: 0,
    fetch: () => Response.json({ version: 'a', instance: 'i-0123456789abcdef0' }),
  })
  const url = `http://localhost:${server.port}`
  const observed = async (isMeant: boolean): Promise<string> => {
    const inService = async () => [{ id: 'i-0123456789abcdef0', isMeant }]
    const { problem } = await observe({ url, release: 'a', inService, timeoutMs: 0, pauseMs: 1 })
    return problem
  }
  expect(await observed(true)).toBe('')
  expect(await observed(false)).toBe('i-0123456789abcdef0 has another launch template version')
})
