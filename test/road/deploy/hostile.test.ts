import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { commitOf, copyCommit } from '../../../scripts/lib/cli/git.ts'
import { Terraform } from '../../../scripts/lib/release/terraform.ts'
import { examineCommit } from '../../../scripts/lib/verify/commit.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import { ON_GITHUB } from './fixtures/provenance.ts'
import { NEW, NEW_IMAGE, OLD, OLD_IMAGE, type Scene, startScene } from './fixtures/scene.ts'
import { environment, PATIENCE_MS, runScript } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

const folder = temporaryFolder()
const at = (name: string): string => join(folder.path, name)
const write = (name: string, content: object): string => {
  writeFileSync(at(name), JSON.stringify(content))
  return at(name)
}
/** What an attack leaves behind that succeeded. */
const traces = (): string[] => readdirSync(folder.path).filter((name) => name.startsWith('pwned'))

const ESCAPE = '\x1b[2J\x1b[1;1Hok  everything'

let scene: Scene
beforeAll(async () => {
  scene = await startScene({ role: 'operator', instances: 1 })
})
afterAll(async () => {
  await scene.stop()
  folder[Symbol.dispose]()
})

describe('a receipt that nobody has verified', () => {
  const RECEIPT = {
    ...{ verdict: 'shipped', exitCode: 0, reason: '', group: 'any-production', release: OLD },
    ...{ launchTemplateVersion: 1, ami: OLD_IMAGE, endedAt: '2026-01-02T03:04:05.000Z' },
  }
  mkdirSync(at('bin'))
  mkdirSync(at('tmp'))
  stubCommand(at('bin'), 'gh', '#!/bin/sh\nexit 1\n')

  test.each([
    ['ami', '../../pwned'],
    ['ami', `${OLD_IMAGE}\n${ESCAPE}`],
    ['release', '--output=pwned'],
    ['release', `${OLD}${ESCAPE}`],
    ['group', `../${ESCAPE}`],
    ['launchTemplateVersion', '$Latest'],
    ['verdict', ESCAPE],
    ['endedAt', ESCAPE],
  ])(
    'with the %s %j is refused by that name, and leads to no path and no line',
    async (field, value) => {
      const path = write('receipt.json', { ...RECEIPT, [field]: value })
      const trusted = write('trusted.json', [ON_GITHUB])
      const words = [path, '--trusted', trusted, '--no-rebuild', '--source', folder.path]
      const { code, err, out } = await runScript('verify', words, {
        ...scene.env,
        PATH: `${at('bin')}:${environment().PATH}`,
        TMPDIR: at('tmp'),
      })
      expect(err).toBe(
        `verify: ${path} is no receipt of scripts/rollout that names a release: its ${field} is none\n`,
      )
      expect([code, out, traces()]).toEqual([1, '', []])
    },
  )
})

describe('a clone of somebody else', () => {
  const source = at('source')
  const evil = `touch ${at('pwned')}`
  let [first, second, foreign] = ['', '', '']
  const commit = async (content: string): Promise<string> => {
    writeFileSync(join(source, 'code'), content)
    await $`git add . && git -c user.name=a -c user.email=a@example.com commit -qm ${content}`.cwd(
      source,
    )
    return (await $`git rev-parse HEAD`.cwd(source).text()).trim()
  }
  beforeAll(async () => {
    await $`git init --quiet --initial-branch main ${source}`
    first = await commit('first')
    await $`git checkout --quiet --orphan stranger`.cwd(source)
    foreign = await commit('stranger')
    await $`git checkout --quiet main`.cwd(source)
    second = await commit('second')
    // Its signature is only looked at by the program that the clone names.
    stubCommand(
      at('bin'),
      'sign',
      '#!/bin/sh\ncat >/dev/null\nprintf "\\n[GNUPG:] SIG_CREATED \\n" >&2\necho "-----BEGIN PGP SIGNATURE-----"\n',
    )
    const signing = [
      '-c',
      `gpg.program=${at('bin/sign')}`,
      '-c',
      'user.name=a',
      '-c',
      'user.email=a',
    ]
    await $`git ${signing} commit --quiet --amend --no-edit --gpg-sign=a`.cwd(source)
    second = (await $`git rev-parse HEAD`.cwd(source).text()).trim()
  })

  test('starts none of the programs that its settings name', async () => {
    const hooks = join(source, 'hooks')
    mkdirSync(hooks)
    for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change']) {
      writeFileSync(join(hooks, hook), `#!/bin/sh\n${evil}-${hook}\n`, { mode: 0o755 })
    }
    stubCommand(at('bin'), 'evil', `#!/bin/sh\n${evil}-gpg\n`)
    for (const [name, value] of [
      ...[
        ['log.showSignature', 'true'],
        ['gpg.program', at('bin/evil')],
      ],
      ...[
        ['core.fsmonitor', `sh -c "${evil}-fsmonitor" #`],
        ['core.hooksPath', hooks],
      ],
      ...[
        ['core.pager', `${evil}-pager`],
        ['core.sshCommand', `${evil}-ssh`],
      ],
      ...[
        ['diff.external', `${evil}-diff`],
        ['credential.helper', `!${evil}-credential`],
      ],
      ['uploadpack.packObjectsHook', `sh -c '${evil}-pack; exec "$@"' sh`],
      // A partial clone: git fetches what it lacks.
      ...[
        ['core.repositoryFormatVersion', '1'],
        ['extensions.partialClone', 'origin'],
      ],
      ...[
        ['remote.origin.promisor', 'true'],
        ['protocol.ext.allow', 'always'],
      ],
      ['remote.origin.url', `ext::sh -c ${evil.replace(' ', '% ')}-ext`],
      ['remote.origin.uploadpack', `${evil}-uploadpack;`],
    ] as [string, string][]) {
      await $`git config ${name} ${value}`.cwd(source)
    }
    expect(await examineCommit(source, second, undefined)).toMatchObject({ status: 'ok' })
    expect((await examineCommit(source, NEW, undefined)).text).toContain('there is no commit')
    await copyCommit(source, second, at('copy'))
    expect(readFileSync(join(at('copy'), 'code'), 'utf8')).toBe('second')
    await expect(copyCommit(source, NEW, at('missing'))).rejects.toThrow('git fetch failed')
    await $`rm .git/config && git init --quiet`.cwd(source).quiet()
    expect(traces()).toEqual([])
  })

  test('cannot show another commit, or another history, under an id', async () => {
    await $`git replace --graft ${second} ${first} ${foreign}`.cwd(source)
    expect((await examineCommit(source, foreign, undefined)).text).toContain('is not on main')
    await $`git replace --delete ${second}`.cwd(source).quiet()
    mkdirSync(join(source, '.git/info'), { recursive: true })
    writeFileSync(join(source, '.git/info/grafts'), `${second} ${first} ${foreign}\n`)
    expect((await examineCommit(source, foreign, undefined)).text).toContain('is not on main')
    await $`rm .git/info/grafts`.cwd(source)
  })

  test('cannot have other bytes built than those of the commit', async () => {
    const blob = (await $`git rev-parse ${second}:code`.cwd(source).text()).trim()
    const other = (await $`git rev-parse ${first}:code`.cwd(source).text()).trim()
    const pathOf = (id: string) => join(source, '.git/objects', id.slice(0, 2), id.slice(2))
    await $`cp --force ${pathOf(other)} ${pathOf(blob)}`
    await expect(copyCommit(source, second, at('altered'))).rejects.toThrow('git fetch failed')
    await $`git checkout --quiet ${first} && rm -f ${pathOf(blob)}`.cwd(source)
    await $`git checkout --quiet -B main ${first}`.cwd(source)
    second = await commit('third')
  })

  test('has a tag named as its branch: which of the two is meant has to be said', async () => {
    expect(await commitOf(source, 'main')).toBe(second)
    await $`git tag main ${first}`.cwd(source)
    await expect(commitOf(source, 'main')).rejects.toThrow(
      "'main' is more than one commit in this clone: say refs/heads/main or refs/tags/main",
    )
    await expect(commitOf(source, 'main~1')).rejects.toThrow(
      'say refs/heads/main~1 or refs/tags/main~1',
    )
    expect(await commitOf(source, 'refs/heads/main')).toBe(second)
    expect(await commitOf(source, 'refs/tags/main')).toBe(first)
    expect(await commitOf(source, second.slice(0, 8))).toBe(second)
    expect(await commitOf(source, 'HEAD~1')).toBe(first)
    // What is called like a commit is not that commit.
    await $`git tag ${second.slice(0, 8)} ${first}`.cwd(source)
    expect(await commitOf(source, second.slice(0, 8))).toBe(first)
  })
})

describe('what others wrote', () => {
  test.each([
    [{ release: '--output=pwned', ami_id: OLD_IMAGE, history: [] }, "'release'"],
    [{ release: NEW, ami_id: '../../pwned', history: [] }, "'ami_id'"],
    [{ release: NEW, ami_id: NEW_IMAGE, history: [{ release: ESCAPE }] }, "'history'"],
    [[], 'its content'],
  ])('into the release file, %j, is refused', async (content, what) => {
    const path = write('release.json', content)
    const { code, err } = await runScript('bump', ['--list', '--file', path], scene.as('plan'))
    expect(err).toBe(
      `bump: ${path}: ${what} is not what scripts/bump writes: restore it with 'git checkout ${path}'\n`,
    )
    expect(code).toBe(1)
  })

  test('into the tags of an image is no release, no checksum and no time', async () => {
    const image = scene.plane.images.get(NEW_IMAGE)
    if (!image) throw new Error(`there is no image ${NEW_IMAGE}`)
    const former = image.tags
    const hostile = { release: ESCAPE, executable: ESCAPE, sbom: ESCAPE, 'baked-at': ESCAPE }
    image.tags = { ...former, ...hostile }
    const file = at('none.json')
    const listed = await runScript('bump', ['--list', '--file', file], scene.as('plan'))
    const { out } = await runScript('gc', ['--file', file], scene.as('operator'))
    image.tags = former
    expect(listed.out).not.toContain('everything')
    expect(out + listed.out).not.toMatch(/[^\P{C}\n]/u)
  })

  test('into the tags of an instance is no release', async () => {
    const [instance] = scene.plane.instances
    if (!instance) throw new Error('there is no instance')
    const former = instance.tags
    instance.tags = { ...former, release: ESCAPE }
    const { out } = await runScript('rollout', ['status'], scene.as('operator'))
    instance.tags = former
    expect(out).not.toContain('everything')
  })

  test.each([
    ['url', 'https://example.com/\nAuthorization: x'],
    ['url', 'file:///etc/passwd'],
    ['region', 'eu-west-1.example.com/'],
    ['group_name', ESCAPE],
    ['alarm_names', [ESCAPE]],
  ])('into the state of Terraform as %s is refused: %j', async (name, value) => {
    const bin = at(`bin-${crypto.randomUUID()}`)
    mkdirSync(bin)
    write('outputs.json', { [name]: { value } })
    stubCommand(bin, 'terraform', `#!/bin/sh\nexec cat '${at('outputs.json')}'\n`)
    const former = process.env.PATH
    process.env.PATH = `${bin}:${former}`
    const asked = new Terraform(folder.path).outputs()
    process.env.PATH = former
    await expect(asked).rejects.toThrow(
      `terraform output: the value of '${name}' is not one that terraform/outputs.tf makes`,
    )
  })

  test('is printed without what would move the cursor', async () => {
    const { err } = await runScript('ops', ['logs', ESCAPE], scene.env)
    expect(err).toContain('is not an instance id')
    expect(err).not.toMatch(/[^\P{C}\n]/u)
    expect(existsSync(at('pwned'))).toBe(false)
  })
})
