import { expect, spyOn, test } from 'bun:test'
import { loadConfig } from '../../../src/config/config.ts'
import { startService } from '../../../src/service.ts'
import { warmUp } from '../../../src/warm-up.ts'
import { memoryLog } from '../../lab/support/app.ts'
import { temporaryFolder } from '../../lab/support/process.ts'

const ALB_IDLE_SECONDS = 60

async function configIn(folder: string, env: Record<string, string> = {}) {
  const own = { ADMIN_PORT: '0', BIND_ADDRESS: '127.0.0.1', STATE_DIRECTORY: folder }
  return loadConfig({ port: 0, environment: 'local' }, { ...own, ...env })
}

test('idle connections outlive the load balancer, and the watchdog hears from it twice within its time', async () => {
  using folder = temporaryFolder()
  using serve = spyOn(Bun, 'serve')
  using interval = spyOn(globalThis, 'setInterval')
  const log = memoryLog()
  const config = await configIn(folder.path, { WATCHDOG_USEC: '10000000' })
  const service = await startService(config, log, async () => config)
  const [listener, admin] = serve.mock.calls.map(([options]) => options as unknown as object)
  expect(listener).toHaveProperty('idleTimeout', expect.any(Number))
  const { idleTimeout } = listener as { idleTimeout: number }
  expect(idleTimeout).toBeGreaterThan(ALB_IDLE_SECONDS)
  expect(listener).toMatchObject({ reusePort: true, development: false })
  expect(admin).toMatchObject({ reusePort: false, hostname: '127.0.0.1' })
  expect(interval.mock.calls.map(([, ms]) => ms)).toContain(5000)
  await service.stop(0)
  expect(log.lines).toEqual([])
})

test('a warm-up serves hundreds of PUTs and GETs, and one that fails ends the start', async () => {
  using folder = temporaryFolder()
  const config = await configIn(folder.path)
  const served: string[] = []
  let failsAfter = Number.POSITIVE_INFINITY
  const create = () => async (request: Request) => {
    served.push(request.method)
    return new Response(null, { status: served.length > failsAfter ? 500 : 204 })
  }
  await warmUp(config, create)
  expect(served.length).toBeGreaterThanOrEqual(400)
  expect(served.filter((method) => method === 'PUT')).toHaveLength(served.length / 2)
  failsAfter = served.length + 50
  await expect(warmUp(config, create)).rejects.toThrow('PUT answers 500 to the warm-up')
})
