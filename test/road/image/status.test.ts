import { beforeAll, describe, expect, test } from 'bun:test'
import { service } from '../../../scripts/lib/service.ts'
import { eventually } from '../../lab/support/process.ts'
import {
  BAKE_TIMEOUT_MS,
  type Booted,
  bakedImage,
  boot,
  cannotBoot,
  configure,
  ENV,
} from './image.ts'

describe.skipIf(cannotBoot !== undefined)('systemctl status explains', () => {
  const worker = `app@${service.adminPort}`
  let root: string
  const statusOf = async (machine: Booted) =>
    (await machine.run('systemctl', 'status', '--no-pager', '--full', worker)).stdout

  /** The Status: line, once it matches `pattern`. */
  const explained = (machine: Booted, pattern: RegExp) =>
    eventually(`the status matches ${pattern}`, async () => {
      const line = /^ +Status: (.*)$/m.exec(await statusOf(machine))?.[1] ?? ''
      return pattern.test(line) && line
    })

  beforeAll(async () => {
    root = (await bakedImage()).root
  }, BAKE_TIMEOUT_MS)

  test('a missing environment file', async () => {
    await using machine = await boot({ root })
    await machine.settled()
    expect(await machine.property('app.target', 'ActiveState')).toBe('active')
    expect(await statusOf(machine)).toContain('AssertPathExists=/etc/app/app.env was not met')
  })

  test('a malformed environment file, and keeps trying', async () => {
    const malformed = { DRAIN_SECONDS: 'soon', REDIS_PORT: '6379' }
    await using machine = await boot({ root, env: { ...ENV, ...malformed } })
    const status = await explained(machine, /DRAIN_SECONDS/)
    expect(status).toContain(`${service.name}: DRAIN_SECONDS: got "soon", expected a whole number`)
    expect(status).toContain(`${service.name}: REDIS_PORT: there is no such setting`)
    await eventually('it keeps trying', async () => {
      return Number(await machine.property(worker, 'NRestarts')) > 1
    })
  })

  test('a malformed number of workers', async () => {
    await using machine = await boot({ root, env: { ...ENV, WORKERS: 'many' } })
    expect(await explained(machine, /WORKERS/)).toContain(
      'WORKERS: got "many", expected a whole number from 1',
    )
  })

  test('what the environment file must leave to systemd', async () => {
    await using machine = await boot({ root, env: { ...ENV, ADMIN_PORT: '9999' } })
    expect(await explained(machine, /ADMIN_PORT/)).toContain(
      `ADMIN_PORT: got "9999", but systemd sets it to "${service.adminPort}": remove it from /etc/app/app.env`,
    )
  })

  test('an invalid port, without the usage text', async () => {
    await using machine = await boot({ root, env: { ...ENV, PORT: 'none' } })
    const status = await explained(machine, /none/)
    expect(status).toContain(`failed: ${service.name}: `)
    expect(status).not.toContain('Exit codes')
  })

  test('a full disk, and serves once there is room again', async () => {
    await using machine = await boot({ root })
    await machine.settled()
    await machine.sh(`
      install -d -o app -g app -m 750 /var/lib/app
      mount -t tmpfs -o size=256k none /var/lib/app
      dd if=/dev/zero of=/var/lib/app/filling bs=4k 2>/dev/null || true`)
    await configure(machine, ENV)
    expect(await explained(machine, /disk/)).toMatch(
      new RegExp(`${service.name}: cannot start: .*database or disk is full`),
    )
    await machine.sh('rm /var/lib/app/filling')
    await machine.healthy()
  })

  test('a store that cannot be reached, and keeps trying', async () => {
    const redis = { REDIS_ENDPOINT: '127.0.0.1:6379' }
    await using machine = await boot({ root, env: { ...ENV, ...redis } })
    expect(await explained(machine, /waiting/)).toContain('waiting for the store')
    await eventually('the journal says so, too', async () =>
      (await statusOf(machine)).includes('waiting-for-store'),
    )
    expect(await machine.property(worker, 'ActiveState')).toBe('active')
    expect((await machine.get('/hc')).status).toBe(503)
  })
})
