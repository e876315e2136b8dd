import { beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readBuiltRelease } from '../../../scripts/lib/image/built-release.ts'
import { bakeLocally, imageFolder, type LocalImage } from '../../../scripts/lib/image/local.ts'
import { root, service } from '../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { BAKE_TIMEOUT_MS, bakedImage, boot, cannotBoot } from './image.ts'

const gate = join(root, 'packer', 'provision', '40-accept.sh')

sayWhatIsLeftOut('the acceptance gate', cannotBoot)

describe.skipIf(cannotBoot !== undefined)('the acceptance gate', () => {
  let image: LocalImage
  let sha256: string

  beforeAll(async () => {
    image = await bakedImage()
    sha256 = (await readBuiltRelease(root, image.arch)).sha256
  }, BAKE_TIMEOUT_MS)

  /** Boots the image, breaks it, and runs the gate. */
  async function ask(breakages: string[], env: Record<string, string> = {}) {
    await using machine = await boot({
      root: image.root,
      files: { '/run/accept.sh': readFileSync(gate, 'utf8') },
    })
    await machine.settled()
    // The boot gave the machine an identity, which an image must not have.
    await machine.sh([': >/etc/machine-id', ...breakages].join('\n'))
    const variables = {
      RELEASE: image.release,
      EXECUTABLE_SHA256: sha256,
      PAYLOAD: '/tmp/payload',
      ...env,
    }
    const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
    return await machine.run('env', ...words, 'bash', '/run/accept.sh')
  }

  test('accepts the image', async () => {
    const { exitCode, stderr, stdout } = await ask([])
    expect(stderr).toBe('')
    expect(stdout).toContain(`the image of ${image.release} is accepted`)
    expect(exitCode).toBe(0)
  })

  test("accepts example keys, and a warning about someone else's unit, which it shows", async () => {
    const { exitCode, stderr, stdout } = await ask([
      'echo AKIAIOSFODNN7EXAMPLE >/usr/share/example',
      "printf '[Service]\\nExecStart=/bin/true\\nRest=1\\n' >/etc/systemd/system/cloud-final.service",
    ])
    expect(stdout).toMatch(/systemd-analyze verify: .*cloud-final.service/)
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  })

  test('accepts a registration key of the SSM agent that a unit removes when the agent has stopped', async () => {
    const clean = readFileSync(join(root, 'packer/provision/30-clean.sh'), 'utf8')
    const [unit = ''] = /^cat >\/run\/systemd[\s\S]*?^systemctl start .*$/m.exec(clean) ?? []
    const { exitCode, stderr } = await ask(['mkdir -p /var/lib/amazon/ssm/Vault/Store', unit])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  })

  /** What is wrong, what makes it so, and what the gate says of it. Those of one group share a boot. */
  const WRONG: Record<string, [string, string, RegExp][]> = {
    'what the image contains': [
      [
        'another bill of materials',
        'echo >>/usr/local/lib/app/sbom.cdx.json',
        /sbom.cdx.json is not what app sbom prints/,
      ],
      ['another release recorded', 'echo 0000 >/etc/app/release', /\/etc\/app\/release is not/],
      [
        'a unit with a mistake',
        'echo Rest=1 >>/usr/local/lib/systemd/system/app@.service',
        /systemd-analyze verify: .*Rest/,
      ],
      [
        'a target that is not enabled',
        'systemctl -q disable app.target',
        /app.target is not enabled/,
      ],
      [
        'no time synchronization',
        'systemctl -q disable systemd-timesyncd',
        /no time synchronization is enabled/,
      ],
      ['an open sshd', 'systemctl -q unmask ssh.service', /ssh.service is not masked/],
      ['a password', 'echo root:secret | chpasswd', /the password of root is not locked/],
      ['no password', 'passwd -q -d daemon', /the password of daemon is not locked/],
      [
        'an authorized key',
        'mkdir -p /root/.ssh; touch /root/.ssh/authorized_keys',
        /authorized keys: \/root/,
      ],
      [
        'an open port',
        'systemd-run --quiet --socket-property=ListenStream=4444 --unit=open true',
        /open ports: [\s\S]*tcp \S+:4444$/m,
      ],
      [
        'an open UDP port',
        'systemd-run --quiet --socket-property=ListenDatagram=4445 --unit=open-udp true',
        /open ports: [\s\S]*udp \S+:4445$/m,
      ],
      ['a left-over configuration', 'touch /etc/app/app.env', /left over: \/etc\/app\/app.env/],
      ['a left-over payload', 'touch /tmp/payload', /left over: \/tmp\/payload/],
      [
        'a machine-id',
        'tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id',
        /machine-id is not empty/,
      ],
      [
        'a random seed',
        'touch /var/lib/systemd/random-seed',
        /left over: \/var\/lib\/systemd\/random-seed/,
      ],
      [
        'what cloud-init knows about the build instance',
        'mkdir -p /var/lib/cloud; ln -s instances/i-0 /var/lib/cloud/instance',
        /left over: \/var\/lib\/cloud\/instance/,
      ],
      ['host keys', 'touch /etc/ssh/ssh_host_rsa_key', /host keys that every instance would share/],
      ['core dumps', 'rm /etc/systemd/system.conf.d/50-app.conf', /core dumps are not off/],
      ['no list of packages', 'rm /usr/local/lib/app/packages.txt', /lists no packages/],
      [
        'a registration key of the SSM agent',
        'mkdir -p /var/lib/amazon/ssm/Vault/Store',
        /key of the SSM agent that every instance would share/,
      ],
      // One problem names all of these.
      [
        'a shell history',
        'echo ls >/root/.bash_history',
        /left over: [\s\S]*\/root\/.bash_history$/m,
      ],
      ['AWS credentials', 'mkdir /root/.aws', /left over: [\s\S]*\/root\/.aws$/m],
      ['server passwords', 'touch /root/.netrc', /left over: [\s\S]*\/root\/.netrc$/m],
      ['a personal key', 'touch /root/id_ed25519', /left over: [\s\S]*\/root\/id_ed25519$/m],
      // And one all of these.
      [
        'a private key',
        'echo "-----BEGIN PRIVATE KEY-----" >/etc/app/tls.key',
        /secrets in: [\s\S]*\/etc\/app\/tls.key$/m,
      ],
      [
        'an access key',
        'echo AKIAABCDEFGHIJKLMNOP >/root/notes',
        /secrets in: [\s\S]*\/root\/notes$/m,
      ],
      [
        'a temporary access key',
        'echo ASIAABCDEFGHIJKLMNOP >/root/c',
        /secrets in: [\s\S]*\/root\/c$/m,
      ],
      [
        'a private key in a log',
        'echo "-----BEGIN OPENSSH PRIVATE KEY-----" >/var/log/key',
        /secrets in: [\s\S]*\/var\/log\/key$/m,
      ],
      [
        'a secret access key',
        `echo "aws_secret_access_key = ${'x'.repeat(40)}" >/usr/share/credentials`,
        /secrets in: [\s\S]*\/usr\/share\/credentials$/m,
      ],
    ],
    'the executable': [
      [
        'another executable',
        'printf x >>/usr/local/bin/app',
        /the checksum of .*app is \w{64}, expected/,
      ],
    ],
    'no executable': [['no executable', 'rm /usr/local/bin/app', /app --version says/]],
    'the start': [
      [
        'workers that do not start',
        'chmod -x /usr/local/lib/app/worker-condition',
        /app@\d+.service: [\s\S]*Permission denied[\s\S]*\/hc says "\(no response: curl status 7\)"/,
      ],
    ],
    'the workers': [
      [
        'workers that fail',
        'mkdir -p /run/systemd/system/app@.service.d; echo PORT=none >/run/none.env; printf "[Service]\\nEnvironmentFile=/run/none.env\\n" >/run/systemd/system/app@.service.d/a.conf; systemctl daemon-reload',
        new RegExp(`app@${service.adminPort}.service: ${service.name}: .*none`),
      ],
    ],
  }

  describe.each(Object.entries(WRONG))('rejects, of %s,', (_, wrong) => {
    let answer: Awaited<ReturnType<typeof ask>>

    beforeAll(async () => {
      const breakages = wrong.map(([, breakage]) => breakage)
      // No worker that starts at all takes seconds.
      answer = await ask(breakages, { START_SECONDS: '3' })
    }, 60_000)

    test.each(wrong)('%s', (_, __, problem) => {
      expect(answer.stderr).toMatch(problem)
      expect(answer.exitCode).toBe(1)
    })
  })

  test('rejects an image that serves another release, and one without a required unit', async () => {
    const { exitCode, stderr } = await ask([], {
      RELEASE: 'f'.repeat(40),
      REQUIRED_UNITS: 'amazon-ssm-agent.service',
    })
    expect(stderr).toMatch(/\/version says .*expected release ffff/)
    expect(stderr).toContain('amazon-ssm-agent.service is not enabled')
    expect(exitCode).toBe(1)
  })

  test(
    'fails the bake, which leaves no image',
    async () => {
      const built = await readBuiltRelease(root, image.arch)
      const other = { ...built, id: 'f'.repeat(40) }
      const said: string[] = []
      const { signal } = new AbortController()
      const bake = bakeLocally(root, image.arch, other, (line) => said.push(line), signal)
      expect(bake).rejects.toThrow('packer build failed')
      await bake.catch(() => {})
      expect(said.join('\n')).toContain('app --version says')
      expect(existsSync(imageFolder(root, other.id))).toBe(false)
    },
    BAKE_TIMEOUT_MS,
  )
})
