import { describe, expect, test } from 'bun:test'
import { cpSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { name } from '../../../package.json'
import { TAG } from '../../../scripts/lib/fleet/tags.ts'
import { newestBaseAt } from '../../../scripts/lib/image/ami.ts'
import { unfinished } from '../../../scripts/lib/image/unfinished.ts'
import { root } from '../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import ARGUMENTS from './amazon-plugin-arguments.json'

const packer = join(root, 'packer')
const read = (path: string) => readFileSync(join(packer, path), 'utf8')

const cannotParse = Bun.which('packer') ? undefined : 'packer not installed'
sayWhatIsLeftOut('parsing the HCL', cannotParse)

const wanted = /required_version = "= (.*)"/.exec(read('aws/plugins.pkr.hcl'))?.[1]
const notCurrent = (cannotParse ? '' : await $`packer version`.text()).includes(`v${wanted}`)
  ? undefined
  : `Packer ${wanted} is not on PATH`
sayWhatIsLeftOut('validating the HCL of the AMI', notCurrent)

describe.skipIf(cannotParse !== undefined)('the HCL', () => {
  test.each(['.', 'aws', 'local'])('of %s is formatted, and parses', async (folder) => {
    const { exitCode, stdout, stderr } = await $`packer fmt -check -diff ${join(packer, folder)}`
      .env({ ...process.env, CHECKPOINT_DISABLE: '1' })
      .nothrow()
      .quiet()
    expect({ exitCode, text: `${stdout}${stderr}` }).toEqual({ exitCode: 0, text: '' })
  })

  test('of the local bake is valid for Debian’s Packer', async () => {
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

describe.skipIf(cannotParse !== undefined)('publish, in the bake of an AMI,', () => {
  const KEY = `alias/${name}`
  /** Uses only Packer's own language, so that Debian's Packer can validate it. */
  async function judge(publish: object) {
    using folder = temporaryFolder()
    cpSync(join(packer, 'aws', 'variables.pkr.hcl'), join(folder.path, 'variables.pkr.hcl'))
    writeFileSync(
      join(folder.path, 'build.pkr.hcl'),
      'source "null" "none" {\n  communicator = "none"\n}\nbuild {\n  sources = ["source.null.none"]\n}\n',
    )
    const values = { region: 'eu-west-1', sbom_sha256: 'c', packages: 'list', publish }
    writeFileSync(join(folder.path, 'values.auto.pkrvars.json'), JSON.stringify(values))
    const { exitCode, stdout, stderr } = await $`packer validate ${folder.path}`
      .env({ ...process.env, CHECKPOINT_DISABLE: '1' })
      .nothrow()
      .quiet()
    return { exitCode, text: `${stdout}${stderr}`.replace(/\s+/g, ' ') }
  }

  test.each([
    [{ kms_key_id: '', regions: {}, accounts: [] }],
    [{ kms_key_id: '', regions: { 'eu-north-1': '' }, accounts: [] }],
    [{ kms_key_id: KEY, regions: { 'eu-north-1': KEY }, accounts: ['210987654321'] }],
  ])('accepts %j', async (publish) => {
    expect(await judge(publish)).toMatchObject({ exitCode: 0 })
  })

  test.each([
    [{ kms_key_id: '', regions: { 'eu-north-1': KEY }, accounts: ['210987654321'] }],
    [{ kms_key_id: KEY, regions: { 'eu-north-1': '' }, accounts: ['210987654321'] }],
  ])('refuses to share what is encrypted with a default key: %j', async (publish) => {
    const { exitCode, text } = await judge(publish)
    expect(exitCode).toBe(1)
    expect(text).toContain('An image encrypted with a default key cannot be used by other accounts')
  })
})

describe('both bakes', () => {
  const provisioners = (path: string) =>
    [...read(path).matchAll(/^ {2}provisioner [\s\S]*?^ {2}}\n/gm)].map(([text]) => text)

  test('have the same provisioners, in the same order; of an AMI the list of packages is fetched', () => {
    expect(provisioners('local/build.pkr.hcl')).toHaveLength(2)
    expect(provisioners('aws/build.pkr.hcl')).toEqual([
      ...provisioners('local/build.pkr.hcl'),
      expect.stringContaining('destination = var.packages'),
    ])
  })

  test('share one list of all scripts, by number, with the acceptance gate last', () => {
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

  test('is built and started with IMDSv2 only, encrypted, and reached through Session Manager', () => {
    expect(source).toMatch(/http_tokens\s+= "required"/)
    expect(source).toMatch(/imds_support\s+= "v2.0"/)
    expect(source).toMatch(/encrypted\s+= true/)
    expect(source).toMatch(/ssh_interface\s+= "session_manager"/)
  })

  test('is described with arguments and variables that exist', () => {
    const source = read('aws/source.pkr.hcl')
    const names = (text: string | undefined, indent: number) =>
      [...(text ?? '').matchAll(new RegExp(`^ {${indent}}(\\w+)\\s+[={]`, 'gm'))].map(
        ([, name]) => name,
      )
    const block = (pattern: RegExp) => pattern.exec(source)?.[1]
    const used = {
      source: names(block(/^source "amazon-ebs" [\s\S]*?\n([\s\S]*?)^}/m), 2),
      launch_block_device_mappings: names(
        block(/^ {2}launch_block_device_mappings {([\s\S]*?)^ {2}}/m),
        4,
      ),
      metadata_options: names(block(/^ {2}metadata_options {([\s\S]*?)^ {2}}/m), 4),
      data: names(block(/^data "amazon-parameterstore" [\s\S]*?\n([\s\S]*?)^}/m), 2),
    }
    for (const [kind, found] of Object.entries(used)) {
      expect(found.length, kind).toBeGreaterThan(1)
      expect(ARGUMENTS[kind as keyof typeof used]).toEqual(expect.arrayContaining(found))
    }

    const files = readdirSync(join(packer, 'aws')).map((name) => read(join('aws', name)))
    const all = files.join('\n')
    const matches = (pattern: RegExp) => new Set([...all.matchAll(pattern)].map(([, name]) => name))
    const declared = matches(/^variable "(\w+)"/gm)
    expect([...matches(/\bvar\.(\w+)/g)].filter((name) => !declared.has(name))).toEqual([])
    const locals = new Set(
      files.flatMap((text) => names(/^locals {([\s\S]*?)^}/m.exec(text)?.[1], 2)),
    )
    expect([...matches(/\blocal\.(\w+)/g)].filter((name) => !locals.has(name))).toEqual([])
  })

  test.skipIf(notCurrent !== undefined)('is valid for the pinned Packer and plugin', async () => {
    const folder = join(packer, 'aws')
    const variables = {
      release: 'a'.repeat(40),
      payload: '/dev/null',
      executable_sha256: 'b',
      sbom_sha256: 'c',
      packages: '/dev/null',
      commit_time: '0',
      region: 'eu-west-1',
    }
    const options = Object.entries(variables).flatMap(([name, value]) => [
      '-var',
      `${name}=${value}`,
    ])
    await $`packer init ${folder}`.quiet()
    const { exitCode, stderr } = await $`packer validate ${options} ${folder}`.nothrow().quiet()
    expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: '' })
  })

  test('pins Packer and its plugin to one version each, the plugin to a release whose arguments are known', () => {
    const versions = [...read('aws/plugins.pkr.hcl').matchAll(/version\s+= "(.*)"/g)].map(
      ([, version]) => version,
    )
    expect(versions).toHaveLength(2)
    for (const version of versions) expect(version).toMatch(/^= \d+\.\d+\.\d+$/)
    expect(versions.at(-1)).toBe(`= ${ARGUMENTS.version}`)
  })

  test('is baked on the image that scripts/bake --patch compares with', () => {
    const name = /name {3}= "(.*al2023-ami.*)-\$\{.*\? "(\w+)" : "(\w+)"\}"/.exec(source)
    const [, path, arm64, x64] = name ?? []
    expect([newestBaseAt('arm64'), newestBaseAt('x64')]).toEqual([
      `${path}-${arm64}`,
      `${path}-${x64}`,
    ])
  })

  test('carries the tags that the other scripts rely on, and so do its snapshots', () => {
    for (const tag of ['service', 'release', 'commit', 'baked-at', TAG.source, TAG.sourceCreated]) {
      expect(source).toMatch(new RegExp(`^ {4}${tag}\\s+=`, 'm'))
    }
    for (const tag of ['executable', 'sbom']) {
      expect(source).toMatch(new RegExp(`^ {4}${tag}\\s+= var\\.${tag}_sha256$`, 'm'))
    }
    expect(source).toMatch(/^ {2}tags\s+= local.tags$/m)
  })

  test('has the name of an unfinished one until its last tags, by which a failed bake is found', () => {
    expect(source).toMatch(/^ {2}run_tags\s+= { Name = local.unfinished }$/m)
    expect(source).toMatch(/^ {2}run_volume_tags\s+= { Name = local.unfinished }$/m)
    expect(source).not.toMatch(/^ {2}(skip_ami_run_tags|snapshot_tags)\b/m)
    const release = '0123456789abcdef'.repeat(3).slice(0, 40)
    const template = /^ {2}unfinished = "(.*)"$/m.exec(source)?.[1]
    const written = template
      ?.replace(/\$\{local\.service\}/, name)
      .replace(/\$\{substr\(var\.release, 0, 12\)\}/, release.slice(0, 12))
    expect(unfinished(release).Values).toEqual([written as string])
  })
})
