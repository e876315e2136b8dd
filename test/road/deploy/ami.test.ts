import { describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DescribeSnapshotsCommand } from '@aws-sdk/client-ec2'
import { $ } from 'bun'
import { name } from '../../../package.json'
import { imagesWith, listImages } from '../../../scripts/lib/fleet/images.ts'
import { bakeAmi } from '../../../scripts/lib/image/ami.ts'
import { sha256Of } from '../../../scripts/lib/image/artifacts.ts'
import { readBuiltRelease } from '../../../scripts/lib/image/built-release.ts'
import { runPacker } from '../../../scripts/lib/image/packer.ts'
import { unfinished } from '../../../scripts/lib/image/unfinished.ts'
import { findKept, keep } from '../../../scripts/lib/provenance/kept.ts'
import { checkStatement } from '../../../scripts/lib/provenance/statement.ts'
import { amiArtifact, open } from '../../../scripts/lib/receipt/envelope.ts'
import { bake } from '../../../scripts/lib/release/bake.ts'
import { root } from '../../../scripts/lib/service.ts'
import { noMinistack } from '../../lab/aws-double/ministack.ts'
import { BUILDER, KEYS, SOURCE } from '../../lab/support/attestation.ts'
import { build, makeTree } from '../../lab/support/built-tree.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import { registerAmi, registerUnfinished, startEmulatedAws } from './fixtures/emulated-aws.ts'

const never = new AbortController().signal
const ONCE = { force: false, patch: false }
const QUIET = { note: () => {}, interrupted: never }

describe('a release', () => {
  test('is read with its id, checksum and time', async () => {
    using folder = temporaryFolder()
    const { id } = await makeTree(folder.path)
    const release = await readBuiltRelease(folder.path, 'arm64')
    expect(release.id).toBe(id)
    expect(release.sha256).toBe(new Bun.CryptoHasher('sha256').update(id).digest('hex'))
    expect(Math.abs(release.commitTime - Date.now() / 1000)).toBeLessThan(60)
  })

  test('is refused when the tree is dirty', async () => {
    using folder = temporaryFolder()
    await makeTree(folder.path)
    writeFileSync(join(folder.path, 'new.ts'), '')
    expect(readBuiltRelease(folder.path, 'arm64')).rejects.toThrow(
      'uncommitted changes (new.ts): commit them, then build',
    )
  })

  test('is refused when it is not built, or not for this architecture', async () => {
    using folder = temporaryFolder()
    await makeTree(folder.path)
    expect(readBuiltRelease(folder.path, 'x64')).rejects.toThrow(
      `there is no dist/${name}-linux-x64: run scripts/build --arch x64`,
    )
  })

  test('is refused when it was built from another commit, or from a dirty tree', async () => {
    using folder = temporaryFolder()
    const { id } = await makeTree(folder.path)
    for (const content of ['0'.repeat(40), `${id}-dirty`]) {
      await build(folder.path, content)
      expect(readBuiltRelease(folder.path, 'arm64')).rejects.toThrow(
        `was not built from commit ${id}`,
      )
    }
  })

  test.each([`${name}-linux-arm64`, `${name}-linux-arm64.cdx.json`])(
    'is refused when %s does not match SHA256SUMS',
    async (file) => {
      using folder = temporaryFolder()
      const { id } = await makeTree(folder.path)
      writeFileSync(join(folder.path, 'dist', file), `${id} and more`)
      expect(readBuiltRelease(folder.path, 'arm64')).rejects.toThrow(
        `dist/${file} does not match dist/SHA256SUMS`,
      )
    },
  )
})

describe('scripts/bake', () => {
  test.each([
    [['--arch', 'mips'], /--arch needs x64 or arm64, got 'mips'/],
    [['now'], /takes no arguments, got 'now'/],
    [['--fast'], /Unknown option '--fast'/],
    [['--key', 'key.pem'], /--key signs a statement: it needs --builder, too/],
  ])('refuses %p', async (options, message) => {
    const { exitCode, stderr } = await $`scripts/bake ${options}`.cwd(root).nothrow().quiet()
    expect(exitCode).toBe(2)
    expect(stderr.toString()).toMatch(message)
    expect(stderr.toString()).toEndWith(' (scripts/bake --help)\n')
  })
})

describe('an interrupted Packer', () => {
  /** Prints more than a pipe holds, and exits some time after it was told to. */
  const STAND_IN = `#!/usr/bin/env bash
trap 'seq 50000; echo terminated >>"$DONE"; exit 1' TERM
echo started
for ((i = 0; i < 100; i++)); do sleep 0.1; done
`

  test('is signalled once, read to its end, and waited for', async () => {
    using folder = temporaryFolder()
    const done = join(folder.path, 'done')
    stubCommand(folder.path, 'packer', STAND_IN)
    const controller = new AbortController()
    const said: string[] = []
    const run = runPacker({
      command: ['build', folder.path],
      start: ([, ...words]) =>
        Bun.spawn([join(folder.path, 'packer'), ...words], {
          ...{ stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' },
          env: { ...process.env, DONE: done },
        }),
      note: (line) => {
        said.push(line)
        if (line === 'started') controller.abort()
      },
      interrupted: controller.signal,
    })
    expect(run).rejects.toThrow('aborted')
    await run.catch(() => {})
    expect(readFileSync(done, 'utf8')).toBe('terminated\n')
    expect(said.at(-1)).toBe('50000')
  })

  test('is not started at all when interrupted before', async () => {
    const start = () => {
      throw new Error('started')
    }
    const run = runPacker({
      command: ['build', '.'],
      start,
      note: () => {},
      interrupted: AbortSignal.abort(),
    })
    expect(run).rejects.toThrow('aborted')
  })
})

sayWhatIsLeftOut('baking an AMI against an emulated AWS', noMinistack)

describe.skipIf(noMinistack !== undefined)('baking an AMI', () => {
  /**
   * Stands in for the current Packer: records its calls, and leaves an AMI with the tags of a bake. Meanwhile, somebody
   * else gives others the same tags.
   */
  function standInForPacker(path: string): string {
    const bin = join(path, 'bin')
    mkdirSync(bin)
    const register = `import { registerAmi } from '${join(import.meta.dir, 'fixtures/emulated-aws.ts')}'
import { EC2Client } from '@aws-sdk/client-ec2'
const [ec2, release] = [new EC2Client({}), process.argv.at(-1)]
await registerAmi(ec2, release, new Date(), '-earlier')
const { ami } = await registerAmi(ec2, release, new Date())
await registerAmi(ec2, release, new Date(), '-later')
await Bun.write('${bin}/made', ami)
console.log('==> Builds finished. The artifacts of successful builds are:')
console.log('--> amazon-ebs.al2023: AMIs were created:\\neu-west-1: ' + ami)
`
    writeFileSync(join(bin, 'register.ts'), register)
    const script = `#!/usr/bin/env bash
printf '%s\\n' "$@" >>${bin}/calls
[[ $1 == build ]] || exit 0
for word; do case $word in release=*) release=\${word#release=} ;; packages=*) : >"\${word#packages=}" ;; esac; done
cd ${root} && exec ${process.execPath} ${bin}/register.ts "$release"
`
    stubCommand(bin, 'packer', script)
    stubCommand(bin, 'session-manager-plugin', '#!/bin/sh\n')
    return bin
  }

  test('removes what a failed bake left, hands Packer the release, and believes it which AMI is the new one', async () => {
    await using cloud = await startEmulatedAws()
    using folder = temporaryFolder()
    using work = temporaryFolder()
    const { id } = await makeTree(folder.path)
    // It has the name that Packer would give to the new one, and Packer refuses to use a name twice.
    const failed = await registerUnfinished(cloud.aws.ec2, id)
    const other = await registerUnfinished(cloud.aws.ec2, 'f'.repeat(40))
    const path = process.env.PATH
    process.env.PATH = `${standInForPacker(folder.path)}:${path}`
    try {
      const release = await readBuiltRelease(folder.path, 'arm64')
      const baked = await bakeAmi({
        ...{
          root: folder.path,
          arch: 'arm64',
          release,
          region: cloud.env.AWS_REGION,
          force: false,
          patch: false,
        },
        ...{ ...QUIET, work: work.path },
      })
      const left = await listImages(cloud.aws, id)
      expect(left).toHaveLength(3)
      const rest = await imagesWith(cloud.aws, [unfinished()])
      expect(rest.map(({ id }) => id)).toEqual([other.ami])
      const { Snapshots } = await cloud.aws.ec2.send(
        new DescribeSnapshotsCommand({ OwnerIds: ['self'] }),
      )
      expect(Snapshots?.map(({ SnapshotId }) => SnapshotId)).not.toContain(failed.snapshot)
      expect(baked).toEqual({
        release: id,
        arch: 'arm64',
        region: 'eu-west-1',
        ami: readFileSync(join(folder.path, 'bin', 'made'), 'utf8'),
        source: SOURCE,
        replaces: undefined,
        already: false,
      })
      const calls = readFileSync(join(folder.path, 'bin', 'calls'), 'utf8')
      expect(calls).toStartWith(`init\n${folder.path}/packer/aws\nbuild\n`)
      for (const variable of [
        `release=${id}`,
        `executable_sha256=${release.sha256}`,
        `sbom_sha256=${release.sbomSha256}`,
        'arch=arm64',
        'name_suffix=',
      ]) {
        expect(calls).toContain(`-var\n${variable}\n`)
      }
      const payload = /payload=(.*)/.exec(calls)?.[1] as string
      const content = (await $`tar -tzf ${payload}`.text()).split('\n')
      expect(content).toContain('./app')
      expect(content).toContain('./systemd/app.target')
    } finally {
      process.env.PATH = path
    }
  }, 90_000)

  /** Bakes the tree in `folder` with a key, like scripts/bake. */
  async function bakeSigned(folder: string, region: string | undefined) {
    const key = join(folder, 'dist', 'key.pem')
    writeFileSync(key, KEYS.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const options = {
      root: folder,
      local: false,
      arch: 'arm64',
      force: false,
      patch: false,
      json: false,
    } as const
    const path = process.env.PATH
    process.env.PATH = `${standInForPacker(folder)}:${path}`
    try {
      return await bake({ ...options, region, builder: BUILDER, key }, never)
    } finally {
      process.env.PATH = path
    }
  }

  test('keeps a signed statement of what was baked in the account, once', async () => {
    await using cloud = await startEmulatedAws()
    using folder = temporaryFolder()
    const { id } = await makeTree(folder.path)
    const ami = await bakeSigned(folder.path, cloud.env.AWS_REGION)
    const kept = (await findKept(cloud.aws, ami)) ?? ''
    const release = await readBuiltRelease(folder.path, 'arm64')
    const statement = checkStatement(open(JSON.parse(kept), [KEYS.publicKey]), {
      builder: BUILDER,
      commit: id,
      artifacts: [
        { name: `${name}-linux-arm64`, sha256: release.sha256 },
        { name: `${name}-linux-arm64.cdx.json`, sha256: release.sbomSha256 },
        amiArtifact(ami),
      ],
    })
    expect(statement.predicate.buildDefinition.resolvedDependencies).toEqual([
      { digest: { gitCommit: id } },
      { name: 'bun.lock', digest: { sha256: sha256Of(Buffer.from('locked\n')) } },
      { name: 'bun-linux-aarch64', digest: { sha256: 'b'.repeat(64) } },
      { name: SOURCE, digest: { sha256: amiArtifact(SOURCE).sha256 } },
    ])
    // A standard parameter holds 4096 characters.
    expect(kept.length).toBeLessThan(3_000)
    await expect(keep(cloud.aws, ami, JSON.parse(kept))).rejects.toThrow('already exists')
  }, 90_000)

  test('says how to keep the statement when AWS does not let it', async () => {
    await using cloud = await startEmulatedAws()
    using folder = temporaryFolder()
    const { id } = await makeTree(folder.path)
    const body = { __type: 'AccessDeniedException', message: 'not authorized' }
    using ssm = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => Response.json(body, { status: 400 }),
    })
    process.env.AWS_ENDPOINT_URL_SSM = String(ssm.url)
    try {
      await expect(bakeSigned(folder.path, cloud.env.AWS_REGION)).rejects.toThrow(
        new RegExp(
          `^ami-\\w+ is baked, but its statement could not be kept: AWS denied access: not authorized\\. .* Then: aws ssm put-parameter .* --name /${name}/provenance/ami-\\w+ --value file://${folder.path}/dist/provenance/${id}-arm64.intoto.json$`,
        ),
      )
    } finally {
      delete process.env.AWS_ENDPOINT_URL_SSM
    }
  }, 90_000)

  test('bakes nothing when the release has an AMI', async () => {
    await using cloud = await startEmulatedAws()
    using folder = temporaryFolder()
    const { id } = await makeTree(folder.path)
    const { ami } = await registerAmi(cloud.aws.ec2, id, new Date())
    const release = await readBuiltRelease(folder.path, 'arm64')
    const bake = { ...QUIET, root: folder.path, arch: 'arm64', release, ...ONCE } as const
    const found = await bakeAmi({ ...bake, region: cloud.env.AWS_REGION, work: folder.path })
    expect(found).toEqual({
      ...{ release: id, arch: 'arm64', region: 'eu-west-1', ami, already: true },
      ...{ source: SOURCE, replaces: ami },
    })
  }, 90_000)

  test('says which tool is missing', async () => {
    await using cloud = await startEmulatedAws()
    using folder = temporaryFolder()
    await makeTree(folder.path)
    const release = await readBuiltRelease(folder.path, 'arm64')
    const bake = { ...QUIET, root: folder.path, arch: 'arm64', release, ...ONCE } as const
    const path = process.env.PATH
    process.env.PATH = '/nowhere'
    try {
      await expect(
        bakeAmi({ ...bake, region: cloud.env.AWS_REGION, work: folder.path }),
      ).rejects.toThrow('not installed: packer')
    } finally {
      process.env.PATH = path
    }
  }, 90_000)
})
