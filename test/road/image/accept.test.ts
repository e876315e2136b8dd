import { beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readBuiltRelease } from '../../../scripts/lib/image/built-release.ts'
import { bakeLocally, imageFolder, type LocalImage } from '../../../scripts/lib/image/local.ts'
import { root, service } from '../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { BAKE_TIMEOUT_MS, type Booted, bakedImage, boot, cannotBoot } from './image.ts'

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
  async function ask(breakage: string, env: Record<string, string> = {}) {
    await using machine = await boot({
      root: image.root,
      files: { '/run/accept.sh': readFileSync(gate, 'utf8') },
    })
    await machine.settled()
    // The boot gave the machine an identity, which an image must not have.
    await machine.sh(`: >/etc/machine-id; ${breakage}`)
    return await runGate(machine, {
      RELEASE: image.release,
      EXECUTABLE_SHA256: sha256,
      PAYLOAD: '/tmp/payload',
      ...env,
    })
  }

  async function runGate(machine: Booted, env: Record<string, string>) {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    const { exitCode, stderr, stdout } = await machine.run(
      'env',
      ...variables,
      'bash',
      '/run/accept.sh',
    )
    return { exitCode, stderr, stdout }
  }

  test('accepts the image', async () => {
    const { exitCode, stderr, stdout } = await ask('true')
    expect(stderr).toBe('')
    expect(stdout).toContain(`the image of ${image.release} is accepted`)
    expect(exitCode).toBe(0)
  })

  test("accepts a warning about someone else's unit, and shows it", async () => {
    const { exitCode, stderr, stdout } = await ask(`
      printf '[Service]\\nExecStart=/bin/true\\nRest=1\\n' >/etc/systemd/system/cloud-final.service`)
    expect(stdout).toMatch(/systemd-analyze verify: .*cloud-final.service/)
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  })

  test('accepts a registration key of the SSM agent that a unit removes when the agent has stopped', async () => {
    const clean = readFileSync(join(root, 'packer/provision/30-clean.sh'), 'utf8')
    const [unit] = /^cat >\/run\/systemd[\s\S]*?^systemctl start .*$/m.exec(
      clean,
    ) as RegExpExecArray
    const { exitCode, stderr } = await ask(`mkdir -p /var/lib/amazon/ssm/Vault/Store\n${unit}`)
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  })

  test('accepts example keys', async () => {
    const { exitCode, stderr } = await ask('echo AKIAIOSFODNN7EXAMPLE >/usr/share/example')
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  })

  test.each([
    [
      'another executable',
      'printf x >>/usr/local/bin/app',
      /the checksum of .*app is \w{64}, expected/,
    ],
    [
      'another bill of materials',
      'echo >>/usr/local/lib/app/sbom.cdx.json',
      /sbom.cdx.json is not what app sbom prints/,
    ],
    ['no executable', 'rm /usr/local/bin/app', /app --version says/],
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
    ['no password', 'passwd -q -d root', /the password of root is not locked/],
    [
      'an authorized key',
      'mkdir -p /root/.ssh; touch /root/.ssh/authorized_keys',
      /authorized keys: \/root/,
    ],
    [
      'workers that do not start',
      'chmod -x /usr/local/lib/app/worker-condition',
      /app@\d+.service: [\s\S]*Permission denied[\s\S]*\/hc says "\(no response: curl status 7\)"/,
    ],
    [
      'workers that fail',
      'mkdir -p /run/systemd/system/app@.service.d; echo PORT=none >/run/none.env; printf "[Service]\\nEnvironmentFile=/run/none.env\\n" >/run/systemd/system/app@.service.d/a.conf; systemctl daemon-reload',
      new RegExp(`app@${service.adminPort}.service: ${service.name}: .*none`),
    ],
    [
      'an open port',
      'systemd-run --quiet --socket-property=ListenStream=4444 --unit=open true',
      /open ports: tcp \S+:4444$/m,
    ],
    [
      'an open UDP port',
      'systemd-run --quiet --socket-property=ListenDatagram=4445 --unit=open true',
      /open ports: udp \S+:4445$/m,
    ],
    ['a left-over configuration', 'touch /etc/app/app.env', /left over: \/etc\/app\/app.env/],
    ['a left-over payload', 'touch /tmp/payload', /left over: \/tmp\/payload/],
    [
      'a machine-id',
      'tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id',
      /machine-id is not empty/,
    ],
    ['a shell history', 'echo ls >/root/.bash_history', /left over: \/root\/.bash_history/],
    ['host keys', 'touch /etc/ssh/ssh_host_rsa_key', /host keys that every instance would share/],
    [
      'a private key',
      'echo "-----BEGIN PRIVATE KEY-----" >/etc/app/tls.key',
      /secrets in: \/etc\/app/,
    ],
    ['an access key', 'echo AKIAABCDEFGHIJKLMNOP >/root/notes', /secrets in: \/root\/notes/],
    ['a temporary access key', 'echo ASIAABCDEFGHIJKLMNOP >/root/c', /secrets in: \/root\/c/],
    [
      'a private key in a log',
      'echo "-----BEGIN OPENSSH PRIVATE KEY-----" >/var/log/key',
      /secrets in: \/var\/log\/key/,
    ],
    [
      'a secret access key',
      `echo "aws_secret_access_key = ${'x'.repeat(40)}" >/usr/share/credentials`,
      /secrets in: \/usr\/share\/credentials/,
    ],
    ['core dumps', 'rm /etc/systemd/system.conf.d/50-app.conf', /core dumps are not off/],
    ['no list of packages', 'rm /usr/local/lib/app/packages.txt', /lists no packages/],
    [
      'a registration key of the SSM agent',
      'mkdir -p /var/lib/amazon/ssm/Vault/Store',
      /key of the SSM agent that every instance would share/,
    ],
    ['AWS credentials', 'mkdir /root/.aws', /left over: \/root\/.aws/],
    ['server passwords', 'touch /root/.netrc', /left over: \/root\/.netrc/],
    ['a personal key', 'touch /root/id_ed25519', /left over: \/root\/id_ed25519/],
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
  ])(
    'rejects %s',
    async (_, breakage, problem) => {
      const { exitCode, stderr } = await ask(breakage)
      expect(stderr).toMatch(problem)
      expect(exitCode).toBe(1)
    },
    60_000,
  )

  test('rejects an image that serves another release', async () => {
    const { exitCode, stderr } = await ask('true', { RELEASE: 'f'.repeat(40) })
    expect(stderr).toMatch(/\/version says .*expected release ffff/)
    expect(exitCode).toBe(1)
  })

  test('rejects an image without a required unit', async () => {
    const { stderr } = await ask('true', { REQUIRED_UNITS: 'amazon-ssm-agent.service' })
    expect(stderr).toContain('amazon-ssm-agent.service is not enabled')
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
