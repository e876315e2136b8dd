import { beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { $ } from 'bun'
import { service, root as tree } from '../../../scripts/lib/service.ts'
import { createToken } from '../../../src/config/tokens.ts'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { accessKeyOf, callersHere } from '../../lab/iam/roles.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { eventually, temporaryFolder } from '../../lab/support/process.ts'
import { renderUserData } from '../../lab/support/user-data.ts'
import { openCloud } from './cloud.ts'
import { BAKE_TIMEOUT_MS, type Booted, bakedImage, boot, cannotBoot } from './image.ts'
import { OWNER, REGION_ADDRESS } from './region.ts'

const LOG_GROUP = `/${service.name}/test/journal`
const [FIRST, SECOND] = ['192.0.2.11', '192.0.2.12'] as const
const PARAMETERS = `/${service.name}/${OWNER}`
const { token, entry } = createToken('read')
const PASSWORD = 'correct horse'
/** As for every instance, but for where its region's Parameter Store is. */
const ENDPOINT = {
  '/etc/systemd/system/app@.service.d/endpoint.conf': `[Service]\nEnvironment=AWS_ENDPOINT_URL_SSM=http://${REGION_ADDRESS}\n`,
}
const INSTANCES = { [FIRST]: 'i-0aaaaaaaaaaaaaaa0', [SECOND]: 'i-0bbbbbbbbbbbbbbb0' }

const cannot =
  cannotBoot ??
  (Bun.which('terraform') ? undefined : 'terraform, which renders it, is not installed')
sayWhatIsLeftOut('booting the image with its user data', cannot)
const { leftOut } = cannot ? {} : await callersHere(OWNER)
sayWhatIsLeftOut('what the role of an instance may read', leftOut)

describe.skipIf(cannot !== undefined)('an instance that boots with its user data', () => {
  let root: string
  let release: string

  beforeAll(async () => {
    const image = await bakedImage()
    root = image.root
    release = image.release
  }, BAKE_TIMEOUT_MS)

  /** A network with both instances, each with its own user data. */
  async function open() {
    const userData = await renderUserData({
      environment: {
        ENVIRONMENT: OWNER,
        DRAIN_SECONDS: '0',
        PORT: String(service.port),
        AWS_REGION: 'eu-west-1',
        REDIS_ENDPOINT: `${REGION_ADDRESS}:6379`,
        REDIS_PASSWORD: `ssm:${PARAMETERS}/redis-password`,
        TOKENS: `ssm:${PARAMETERS}/tokens`,
      },
      log_group: LOG_GROUP,
    })
    const role = { name: `${service.name}-instance`, accessKeyId: accessKeyOf('instance') }
    const place = { imageId: 'ami-0123456789abcdef0', zone: 'eu-west-1a', userData, role }
    return await openCloud(
      Object.fromEntries(Object.entries(INSTANCES).map(([at, id]) => [at, { id, ...place }])),
      {
        parameters: { [`${PARAMETERS}/redis-password`]: PASSWORD, [`${PARAMETERS}/tokens`]: entry },
        password: PASSWORD,
      },
    )
  }

  /** Everything that must hold after each boot. */
  async function expectInService(machine: Booted, address: typeof FIRST | typeof SECOND) {
    const id = INSTANCES[address]
    await machine.healthy()
    expect(JSON.parse((await machine.get('/version')).body)).toMatchObject({
      version: release,
      environment: OWNER,
      instance: id,
    })
    const [known, unknown] = await Promise.all(
      [token, 'other'].map((each) =>
        machine.sh(
          `curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer ${each}' 127.0.0.1:${service.port}${EXAMPLE.path}`,
        ),
      ),
    )
    expect([known, unknown]).toEqual(['404', '401'])
    await machine.settled()
    expect(await machine.sh('systemctl --failed --plain --no-legend')).toBe('')
    expect(await machine.sh('journalctl --boot --output cat')).not.toContain('ordering cycle')
    for (const unit of ['app-journal.service', 'app-journal-bound.timer'])
      expect(await machine.property(unit, 'ActiveState')).toBe('active')

    const log = (await machine.sh('cat /proc/sys/kernel/random/boot_id')).replaceAll('-', '')
    await eventually('the file has what the workers say', async () =>
      (await machine.sh(`grep ${log} /var/log/app/journal.jsonl | grep listening`)).includes(id),
    )
    await eventually('the agent reads it', async () =>
      (await machine.sh('journalctl --boot --unit amazon-cloudwatch-agent --output cat')).includes(
        `/var/log/app/journal.jsonl goes to ${LOG_GROUP} ${id}/${release}`,
      ),
    )
    expect(await machine.property('amazon-cloudwatch-agent', 'ActiveState')).toBe('active')
  }

  const configuredAt = (machine: Booted) => machine.sh('stat --format %.9Y /etc/app/app.env')

  test('serves at its first boot, with the secrets that its role may read, and empties the file for the agent above 64 MiB', async () => {
    await using cloud = await open()
    await using machine = await boot({ root, files: ENDPOINT, ...cloud.instance(FIRST) })
    const seconds = (await machine.healthy()) / 1000
    console.log(`boot with cloud-init to the first 200: ${seconds.toFixed(2)} s`)
    await expectInService(machine, FIRST)
    expect(await machine.sh('stat --format %a:%U /etc/app/app.env')).toBe('600:root')

    await machine.sh('systemctl stop app-journal.service')
    const bounded = async (bytes: number) =>
      Number(
        await machine.sh(`truncate --size ${bytes} /var/log/app/journal.jsonl
          systemctl start app-journal-bound.service
          stat --format %s /var/log/app/journal.jsonl`),
      )
    const limit = 64 * 1024 ** 2
    expect(await bounded(limit)).toBe(limit)
    expect(await bounded(limit + 1)).toBe(0)
  }, 180_000)

  test('serves and ships its journal again after a reboot and a stop; its image is another instance', async () => {
    await using cloud = await open()
    using folder = temporaryFolder()
    const copy = join(folder.path, 'root')
    await $`cp --archive --reflink=auto ${root} ${copy}`
    // What a bake does at the end, on its build instance.
    const clean = await Bun.file(join(tree, 'packer/provision/30-clean.sh')).text()
    const start = (address: keyof typeof INSTANCES) =>
      boot({
        root: copy,
        persistent: true,
        files: { ...ENDPOINT, '/run/clean.sh': clean },
        ...cloud.instance(address),
      })
    let configured: string
    {
      await using machine = await start(FIRST)
      await expectInService(machine, FIRST)
      configured = await configuredAt(machine)

      const before = machine.leader()
      await machine.run('systemctl', 'reboot')
      await eventually('it boots again', () => machine.leader() !== before && machine.leader(), {
        withinMs: 20_000,
      })
      await expectInService(machine, FIRST)
      await machine.stop()
    }
    {
      await using machine = await start(FIRST)
      await expectInService(machine, FIRST)
      // User data has run once: the rest is the doing of units.
      expect(await configuredAt(machine)).toBe(configured)

      await machine.sh('PAYLOAD=/tmp/payload bash /run/clean.sh')
      expect(
        await machine.sh('find /var/lib/cloud ! -type d; find /var/log -name "cloud-init*"'),
      ).toBe('')
      await machine.stop()
    }
    await using machine = await start(SECOND)
    await expectInService(machine, SECOND)
  }, 300_000)
})
