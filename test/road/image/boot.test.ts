import { beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { service } from '../../../scripts/lib/service.ts'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { eventually, temporaryFolder } from '../../lab/support/process.ts'
import { BAKE_TIMEOUT_MS, bakedImage, boot, cannotBoot, ENV, WORKERS } from './image.ts'

sayWhatIsLeftOut('booting the image', cannotBoot)

describe.skipIf(cannotBoot !== undefined)('the image, booted', () => {
  let root: string
  let release: string

  beforeAll(async () => {
    const image = await bakedImage()
    root = image.root
    release = image.release
  }, BAKE_TIMEOUT_MS)

  test('reaches the target with a worker on each core, and serves the release', async () => {
    await using machine = await boot({ root, env: ENV })
    const seconds = (await machine.healthy()) / 1000
    console.log(`boot to the first 200: ${seconds.toFixed(2)} s`)

    await machine.settled()
    expect(await machine.property('app.target', 'ActiveState')).toBe('active')
    for (const worker of WORKERS)
      expect(await machine.property(worker, 'ActiveState')).toBe('active')
    expect(JSON.parse((await machine.get('/version')).body)).toMatchObject({
      version: release,
      environment: 'test',
    })
    expect((await machine.run('systemctl', 'is-system-running')).stdout.trim()).toBe('running')
  })

  test('listens only on the service port, one socket per worker, and on loopback for metrics', async () => {
    await using machine = await boot({ root, env: ENV })
    await machine.settled()
    const listening = (await machine.sh('ss -H -lntup'))
      .split('\n')
      .map((line) => line.split(/\s+/)[4])
    const metrics = WORKERS.map((worker) => `127.0.0.1:${worker.slice('app@'.length)}`)
    expect(listening.sort()).toEqual(
      [...WORKERS.map(() => `0.0.0.0:${service.port}`), ...metrics].sort(),
    )
    for (const address of metrics) {
      expect(await machine.sh(`curl --silent --fail http://${address}/metrics`)).toContain('# HELP')
    }
  })

  test('serves again after a reboot, with its data, identity and earlier journal', async () => {
    using folder = temporaryFolder()
    const copy = join(folder.path, 'root')
    await $`cp --archive --reflink=auto ${root} ${copy}`
    await using machine = await boot({ root: copy, env: ENV, persistent: true })
    await machine.healthy()
    const url = `http://127.0.0.1:${service.port}${EXAMPLE.path}`
    const json = `--header 'Content-Type: application/json' --data '${EXAMPLE.body}'`
    await machine.sh(`curl --silent --fail --request PUT ${json} ${url}`)
    const identity = await machine.sh('cat /etc/machine-id')
    expect(identity).toMatch(/^[0-9a-f]{32}$/)

    const before = machine.leader()
    await machine.run('systemctl', 'reboot')
    await eventually('it boots again', () => machine.leader() !== before && machine.leader(), {
      withinMs: 20_000,
    })
    await machine.healthy()
    expect((await machine.get(EXAMPLE.path)).status).toBe(200)
    expect(await machine.sh('cat /etc/machine-id')).toBe(identity)
    expect((await machine.sh('journalctl --list-boots --quiet')).split('\n')).toHaveLength(2)
  }, 180_000)

  test('boots several times at once, each with its own address on one bridge', async () => {
    const netns = `${service.name}-${process.pid}`
    await $`ip netns add ${netns} && ip -n ${netns} link add br0 type bridge && ip -n ${netns} link set br0 up`
    try {
      const network = { namespace: `/run/netns/${netns}`, bridge: 'br0' }
      await using one = await boot({
        root,
        env: ENV,
        network: { ...network, address: '192.0.2.11/24' },
      })
      await using two = await boot({
        root,
        env: ENV,
        network: { ...network, address: '192.0.2.12/24' },
      })
      await Promise.all([one.healthy(), two.healthy()])
      expect(await one.sh(`curl --silent --fail http://192.0.2.12:${service.port}/hc`)).toBe(
        '{"status":"ok"}',
      )
      expect(await two.sh(`curl --silent --fail http://192.0.2.11:${service.port}/hc`)).toBe(
        '{"status":"ok"}',
      )
      await one.stop()
      expect((await two.get('/hc')).status).toBe(200)
    } finally {
      await $`ip netns del ${netns}`
    }
  })

  test('leaves nothing of the build instance in the image when it shuts down', async () => {
    using folder = temporaryFolder()
    const copy = join(folder.path, 'root')
    await $`cp --archive --reflink=auto ${root} ${copy}`
    const clean = await Bun.file(
      join(import.meta.dir, '../../../packer/provision/30-clean.sh'),
    ).text()
    await using machine = await boot({
      root: copy,
      files: { '/run/clean.sh': clean },
      persistent: true,
    })
    await machine.settled()
    const state = '/var/lib/amazon/ssm/i-0abc/channels'
    await machine.sh(
      `mkdir -p ${state} /var/log/amazon/ssm; PAYLOAD=/tmp/payload bash /run/clean.sh`,
    )
    await machine.sh(
      `touch ${state}/late /var/log/amazon/ssm/late.log; mkdir -p /var/lib/amazon/ssm/Vault/Store; echo kept >/var/lib/amazon/ssm/kept`,
    )
    expect(await machine.sh('systemctl is-enabled systemd-random-seed.service || true')).toBe(
      'masked-runtime',
    )
    await machine.stop()
    expect(readdirSync(join(copy, 'var/lib/amazon/ssm'))).toEqual(['kept'])
    expect(readdirSync(join(copy, 'var/log/amazon/ssm'))).toEqual([])
  }, 180_000)
})
