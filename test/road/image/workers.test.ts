import { beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { service } from '../../../scripts/lib/service.ts'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { end, eventually } from '../../lab/support/process.ts'
import {
  BAKE_TIMEOUT_MS,
  type Booted,
  bakedImage,
  boot,
  cannotBoot,
  configure,
  ENV,
  WORKERS,
} from './image.ts'

sayWhatIsLeftOut('the workers of the image', cannotBoot)

describe.skipIf(cannotBoot !== undefined)('the workers of the image', () => {
  let root: string

  beforeAll(async () => {
    root = (await bakedImage()).root
  }, BAKE_TIMEOUT_MS)

  sayWhatIsLeftOut(
    'killing one of several workers',
    WORKERS.length < 2 ? 'needs two cores' : undefined,
  )
  test.skipIf(WORKERS.length < 2)(
    'moves the connections waiting on a killed worker to another one',
    async () => {
      await using machine = await boot({ root, env: ENV })
      await machine.healthy()
      await machine.settled()
      const stopped = await mainPid(machine, WORKERS[0] as string)
      await machine.sh(`kill -STOP ${stopped}`)
      const clients = Array.from({ length: 40 }, () => machine.get('/hc'))
      const waiting = async () => {
        const queues = (
          await machine.sh(`ss -Hlntp sport = :${service.port} | grep pid=${stopped},`)
        ).split(/\s+/)
        return Number(queues[1])
      }
      expect(
        await eventually('clients wait on the stopped worker', async () => (await waiting()) > 5),
      ).toBe(true)
      await machine.sh(`kill -KILL ${stopped}`)
      const statuses = (await Promise.all(clients)).map(({ status }) => status)
      expect(statuses).toEqual(clients.map(() => 200))
    },
    30_000,
  )

  test('restarts a killed worker', async () => {
    await using machine = await boot({ root, env: ENV })
    await machine.settled()
    const [worker] = WORKERS as [string]
    const before = await mainPid(machine, worker)
    await machine.sh(`kill -KILL ${before}`)
    const killedAt = performance.now()
    await backAgain(machine, worker, before)
    console.log(
      `a killed worker is back after ${((performance.now() - killedAt) / 1000).toFixed(2)} s`,
    )
  })

  test('has a hung worker killed by the watchdog, and restarted', async () => {
    await using machine = await boot({ root, env: ENV })
    await machine.settled()
    const [worker] = WORKERS as [string]
    const before = await mainPid(machine, worker)
    await machine.sh(`kill -STOP ${before}`)
    const hungAt = performance.now()
    await backAgain(machine, worker, before, 20_000)
    console.log(`a hung worker is back after ${((performance.now() - hungAt) / 1000).toFixed(1)} s`)
    expect(await machine.sh(`journalctl --unit ${worker} --output cat`)).toContain(
      'Watchdog timeout',
    )
  }, 60_000)

  test('drops no request when stopped or restarted under load', async () => {
    await using machine = await boot({ root, env: { ...ENV, DRAIN_SECONDS: '2' } })
    for (const verb of ['restart', 'stop']) {
      await machine.healthy()
      const load = machine.beside([process.execPath, join(import.meta.dir, 'clients.ts')])
      let said = ''
      const reader = load.stdout.getReader()
      const read = async () => {
        const { value, done } = await reader.read()
        said += new TextDecoder().decode(value)
        return !done
      }
      while (!said.includes('under load') && (await read()));
      // systemctl returns when the target has stopped; the workers stop after their drain.
      const stoppedAt = performance.now()
      await machine.sh(`systemctl ${verb} app.target`)
      while (await read());
      const lines = said.trim().split('\n')
      const { requests, failures } = JSON.parse(lines.at(-1) as string)
      console.log(`${verb} under load: ${requests} requests, ${failures.length} failures`)
      expect(failures).toEqual([])
      if (verb === 'restart') continue
      await eventually('every worker has stopped', async () => {
        return (
          (await machine.run('systemctl', 'is-active', ...WORKERS)).stdout.trim() ===
          WORKERS.map(() => 'inactive').join('\n')
        )
      })
      expect(performance.now() - stoppedAt).toBeGreaterThan(2000)
      for (const worker of WORKERS) expect(await machine.property(worker, 'Result')).toBe('success')
    }
  }, 60_000)

  test('lets a worker drain for longer than TimeoutStopSec when configured to', async () => {
    await using machine = await boot({
      root,
      env: { ...ENV, DRAIN_SECONDS: '3' },
      files: { '/etc/systemd/system/app@.service.d/stop.conf': '[Service]\nTimeoutStopSec=1\n' },
    })
    await machine.healthy()
    const [worker] = WORKERS as [string]
    const stoppedAt = performance.now()
    await machine.sh(`systemctl stop ${worker}`)
    expect(performance.now() - stoppedAt).toBeGreaterThan(3000)
    expect(await machine.property(worker, 'Result')).toBe('success')
  })

  test('starts fewer workers when WORKERS says so, from the next restart of the target', async () => {
    await using machine = await boot({ root })
    await machine.settled()
    await configure(machine, { ...ENV, WORKERS: '1' })
    await machine.healthy()
    const states = async () =>
      (await machine.run('systemctl', 'is-active', ...WORKERS)).stdout.trim().split('\n')
    expect(await states()).toEqual(WORKERS.map((_, index) => (index === 0 ? 'active' : 'inactive')))
    await configure(machine, ENV)
    await machine.healthy()
    expect(await states()).toEqual(WORKERS.map(() => 'active'))
  })

  test('ignores variables in the environment file that are meant for Bun or the loader', async () => {
    const unit = await Bun.file(join(root, 'usr/local/lib/systemd/system/app@.service')).text()
    const unset = [...unit.matchAll(/^UnsetEnvironment=(.*)$/gm)].flatMap(
      ([, names]) => names?.split(' ') ?? [],
    )
    for (const name of ['BUN_BE_BUN', 'BUN_OPTIONS', 'NODE_OPTIONS', 'LD_PRELOAD', 'LD_AUDIT'])
      expect(unset).toContain(name)
    const orders = Object.fromEntries(unset.map((name) => [name, '0']))
    await using machine = await boot({ root, env: { ...ENV, ...orders, TIMEZONE: 'Asia/Tokyo' } })
    await machine.healthy()
    const environment = await machine.sh(
      `tr '\\0' '\\n' </proc/${await mainPid(machine, WORKERS[0] as string)}/environ`,
    )
    const names = environment.split('\n').map((line) => line.split('=')[0] as string)
    expect(names).toContain('TIMEZONE')
    expect(names.filter((name) => unset.includes(name))).toEqual([])
  })

  test('keeps serving when restarted while its store is gone', async () => {
    await using machine = await boot({ root, env: { ...ENV, REDIS_ENDPOINT: '127.0.0.1:6379' } })
    const redis = machine.beside(['redis-server', '--save', '', '--appendonly', 'no'])
    await eventually('every worker has reached the store', async () => {
      const latches = await machine.sh('find /run/app -name store-reached')
      return latches.split('\n').filter(Boolean).length === WORKERS.length
    })
    await end(redis)
    await machine.sh('systemctl restart app.target')
    for (const worker of WORKERS)
      expect(await machine.property(worker, 'ActiveState')).toBe('active')
    for (const _ of Array(10)) expect((await machine.get('/hc')).status).toBe(200)
    expect((await machine.get(EXAMPLE.path)).status).toBe(503)
  }, 60_000)

  test('gives a worker a secret as a credential that only it can read', async () => {
    await using machine = await boot({ root })
    await machine.settled()
    await machine.sh(`
      install -d /etc/systemd/system/app@.service.d
      (umask 077; echo "read:$(printf x | sha256sum | cut -d' ' -f1)" >/etc/app/tokens)
      printf '[Service]\\nLoadCredential=tokens:/etc/app/tokens\\nEnvironment=TOKENS=file:%%d/tokens\\n' \
        >/etc/systemd/system/app@.service.d/credentials.conf
      systemctl daemon-reload`)
    await configure(machine, { ENVIRONMENT: 'test', DRAIN_SECONDS: '0' })
    await machine.healthy()
    expect((await machine.get(EXAMPLE.path)).status).toBe(401)
  })
})

async function mainPid(machine: Booted, unit: string): Promise<string> {
  return machine.property(unit, 'MainPID')
}

async function backAgain(
  machine: Booted,
  unit: string,
  before: string,
  withinMs = 10_000,
): Promise<void> {
  await eventually(
    `${unit} is back`,
    async () => {
      const after = await mainPid(machine, unit)
      return (
        after !== '0' &&
        after !== before &&
        (await machine.property(unit, 'ActiveState')) === 'active'
      )
    },
    { withinMs },
  )
}
