import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { root } from '../support/executable.ts'
import { temporaryFolder } from '../support/process.ts'
import { sayWhatIsLeftOut } from './image.ts'

const packer = join(root, 'packer')
const read = (path: string) => readFileSync(join(packer, path), 'utf8')

const cannotParse = Bun.which('packer') ? undefined : 'packer not installed'
sayWhatIsLeftOut('parsing the HCL', cannotParse)

describe.skipIf(cannotParse !== undefined)('the HCL', () => {
  test.each(['.', 'aws', 'local'])('of %s is formatted, and parses', async (folder) => {
    const { exitCode, stdout, stderr } = await $`packer fmt -check -diff ${join(packer, folder)}`
      .env({ ...process.env, CHECKPOINT_DISABLE: '1' })
      .nothrow()
      .quiet()
    expect({ exitCode, text: `${stdout}${stderr}` }).toEqual({ exitCode: 0, text: '' })
  })

  test('of the local bake is valid to Debian’s Packer', async () => {
    using folder = temporaryFolder()
    const key = join(folder.path, 'key')
    await $`ssh-keygen -q -t ed25519 -N ${''} -f ${key}`
    const variables = ['release=a', 'executable_sha256=b', 'commit_time=0']
    const options = [...variables, `payload=${key}`, `ssh_private_key_file=${key}`].flatMap(
      (each) => ['-var', each],
    )
    const { exitCode, stderr } = await $`packer validate ${options} ${join(packer, 'local')}`
      .env({ ...process.env, CHECKPOINT_DISABLE: '1' })
      .nothrow()
      .quiet()
    expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: '' })
  })
})

describe('both bakes', () => {
  const provisioners = (path: string) =>
    [...read(path).matchAll(/^ {2}provisioner [\s\S]*?^ {2}}\n/gm)].map(([text]) => text)

  test('have the same provisioners, in the same order', () => {
    expect(provisioners('local/build.pkr.hcl')).toHaveLength(2)
    expect(provisioners('aws/build.pkr.hcl')).toEqual(provisioners('local/build.pkr.hcl'))
  })

  test('share one list of scripts: every one that there is, by number, the acceptance gate last', () => {
    for (const folder of ['aws', 'local']) {
      expect(readlinkSync(join(packer, folder, 'provision.pkr.hcl'))).toBe('../provision.pkr.hcl')
    }
    const listed = [...read('provision.pkr.hcl').matchAll(/provision\/(\S+\.sh)"/g)].map(
      ([, name]) => name,
    )
    expect(listed).toEqual(readdirSync(join(packer, 'provision')).sort())
    expect(listed.at(-1)).toBe('40-accept.sh')
  })
})

describe('the AMI', () => {
  const source = read('aws/source.pkr.hcl')

  test('is built and started with IMDSv2 alone, encrypted, and reached through Session Manager', () => {
    expect(source).toMatch(/http_tokens\s+= "required"/)
    expect(source).toMatch(/imds_support\s+= "v2.0"/)
    expect(source).toMatch(/encrypted\s+= true/)
    expect(source).toMatch(/ssh_interface\s+= "session_manager"/)
  })

  test('has Packer and its plugin pinned to one version each', () => {
    const versions = [...read('aws/plugins.pkr.hcl').matchAll(/version\s+= "(.*)"/g)].map(
      ([, version]) => version,
    )
    expect(versions).toHaveLength(2)
    for (const version of versions) expect(version).toMatch(/^= \d+\.\d+\.\d+$/)
  })

  test('carries the tags that the other scripts go by, on its snapshots too', () => {
    for (const tag of ['service', 'release', 'commit', 'baked-at', 'source-ami']) {
      expect(source).toMatch(new RegExp(`^ {4}${tag}\\s+=`, 'm'))
    }
    expect(source).toMatch(/^ {2}tags\s+= local.tags$/m)
    expect(source).toMatch(/^ {2}snapshot_tags\s+= local.tags$/m)
  })
})
