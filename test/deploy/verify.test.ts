import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { keptAt } from '../../scripts/lib/provenance/kept.ts'
import { signedPath } from '../../scripts/lib/rollout/signed-receipt.ts'
import { service } from '../../scripts/lib/service.ts'
import type { Link } from '../../scripts/lib/verify/link.ts'
import { readReceipt } from '../../scripts/lib/verify/receipt.ts'
import { chainLines } from '../../scripts/lib/verify/report.ts'
import { accountOf } from '../aws-double/account.ts'
import { entryOf, receiptsOf } from '../support/attestation.ts'
import { NEW_IMAGE, OLD_IMAGE } from './fixtures/scene.ts'
import { PATIENCE_MS, runScript } from './fixtures/script.ts'
import {
  BUILDER,
  chain,
  commit,
  EXECUTABLE,
  folder,
  keys,
  other,
  receive,
  rolling,
  type Statement,
  SUMS,
  scene,
  sha256,
  source,
  state,
  tellChecksums,
  useChain,
  write,
} from './fixtures/verify.ts'

setDefaultTimeout(PATIENCE_MS)

const strangers = generateKeyPairSync('ed25519')

useChain()

/** Changes a file of JSON; returns its path. */
function edit(path: string, change: (content: Record<string, unknown>) => object): string {
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))))
  return path
}

const names = (links: Link[], status: Link['status']) =>
  links.filter((link) => link.status === status).map(({ name }) => name)

/** Expects one link to be wrong, and to say why. */
function expectWrong(links: Link[], name: string, why: string): void {
  const wrong = links.filter(({ status }) => status === 'wrong')
  expect(wrong).toEqual([{ name, status: 'wrong', text: expect.stringContaining(why) as string }])
  expect(names(links, 'unknown')).toEqual([])
}

describe('scripts/verify', () => {
  test('tells the whole chain of a release that runs, and exits with 0', async () => {
    const entries = [entryOf(BUILDER, keys.publicKey), receiptsOf(rolling.publicKey)]
    const words = [
      ...[receive(), '--source', source, '--poll-seconds', '0.05'],
      ...['--trusted', write('trusted.json', entries)],
    ]
    accountOf(scene.plane).values.set(keptAt(OLD_IMAGE), readFileSync(state(), 'utf8'))
    const { code, out, err } = await runScript('verify', words, scene.env)
    expect(err).toContain(`building ${commit.slice(0, 12)} for arm64 in a clean clone`)
    expect(out.trim().split('\n')).toEqual([
      `release ${commit.slice(0, 12)}`,
      expect.stringMatching(/^ok +commit +[0-9a-f]{12} of .* by test, on main$/),
      expect.stringMatching(/^ok +statement +by https:\/\/example.com\/bake, for arm64 \(key /),
      expect.stringMatching(/^ok +executable +[0-9a-f]{12}, rebuilt$/),
      expect.stringMatching(/^ok +sbom +[0-9a-f]{12}, rebuilt$/),
      expect.stringMatching(/^ok +image +ami-0a{16}, arm64, its tags say the same$/),
      expect.stringMatching(/^ok +launch template +version 1 of .* launches ami-0a{16}$/),
      expect.stringMatching(/^ok +instances +2 of 2 have installed and run the stated executable/),
      expect.stringMatching(
        /^ok +receipt +shipped to \S+-production at 2026-.*: 2 of 2 instances answered/,
      ),
      'the chain holds: 8 ok',
    ])
    expect(code).toBe(0)
  })

  test('asks nothing of AWS with --offline, and with --json says so to machines', async () => {
    const words = [commit, '--offline', '--no-rebuild', '--source', source, '--json']
    const { code, out } = await runScript('verify', words)
    const { release, holds, links } = JSON.parse(out)
    expect([release, holds, code]).toEqual([commit, false, 1])
    expect(links[1].text).toContain('no builder is trusted yet')
    expect(names(links, 'not asked')).toEqual([
      ...['executable', 'sbom', 'image', 'launch template', 'instances', 'receipt'],
    ])
  })

  test('leaves out instances that run a later release than the receipt is of', async () => {
    scene.plane.group.version = 2
    const links = await chain({ receipt: readReceipt(receive()) })
    scene.plane.group.version = 1
    expect(names(links, 'wrong')).toEqual([])
    expect(links.find(({ name }) => name === 'instances')?.text).toContain('gone on to version 2')
  })

  test('tells the rest of the chain when there is no such group', async () => {
    const group = `${service.name}-nowhere`
    const receipt = readReceipt(receive({ group }))
    const links = await chain({ receipt, group, rebuilds: true })
    expect(names(links, 'wrong')).toEqual(['launch template', 'instances'])
    expect(links.at(-2)?.text).toContain('there is no Auto Scaling group')
  })

  test('prints nothing that could write over its other lines', async () => {
    // To the first column, up a line, and hidden from here.
    tellChecksums({ version: '\x1b[1A\x1b[1Gok  instances  \x9b8m\u202e' })
    const lines = chainLines(await chain(), process.stdout)
    tellChecksums({})
    expect(lines[6]).toStartWith('WRONG      instances ')
    expect(lines.join('')).not.toMatch(/\p{C}/u)
  })

  test('does not take silence for consent', async () => {
    scene.double.faults.add(/SendCommand/, { kind: 'error', code: 'Odd', message: 'not today' })
    const links = await chain()
    scene.double.faults.clear()
    expect(names(links, 'unknown')).toEqual(['instances'])
  })

  test.each([
    [[], 'say what to verify'],
    [['main', 'HEAD'], 'give one RELEASE and one RECEIPT at most'],
    [['a.json', 'b.json'], 'give one RELEASE and one RECEIPT at most'],
  ])('refuses %j with exit code 2', async (words, why) => {
    const { code, err } = await runScript('verify', words)
    expect(code).toBe(2)
    expect(err).toContain(why)
  })
})

describe('scripts/verify names', () => {
  test('an executable other than the commit makes', async () => {
    const stated = { sums: { ...SUMS, executable: sha256('altered') } }
    tellChecksums({ installed: sha256('altered'), running: sha256('altered') })
    const links = await chain({ stated, rebuilds: true })
    tellChecksums({})
    expectWrong(links, 'executable', 'rebuilt it has the checksum')
  })

  test('a bill of materials other than the commit makes', async () => {
    const stated = { sums: { ...SUMS, sbom: sha256('altered') } }
    const links = await chain({ stated, rebuilds: true }, false)
    expectWrong(links, 'sbom', 'rebuilt it has the checksum')
  })

  test('an altered executable in dist', async () => {
    const dist = join(source, 'dist')
    mkdirSync(dist)
    writeFileSync(join(dist, EXECUTABLE), `altered ${commit}`)
    writeFileSync(join(dist, `${EXECUTABLE}.cdx.json`), 'bill\n')
    const links = await chain({}, false)
    await $`rm -r ${dist}`
    expectWrong(links, 'executable', 'in dist it has the checksum')
  })

  test.each([
    ['usr/local/bin/app', 'the executable '],
    ['usr/local/lib/app/sbom.cdx.json', 'the bill of materials '],
  ])('an altered %s in an image', async (altered, why) => {
    const image = join(folder.path, 'root')
    mkdirSync(join(image, 'usr/local/bin'), { recursive: true })
    mkdirSync(join(image, 'usr/local/lib/app'), { recursive: true })
    writeFileSync(join(image, 'usr/local/bin/app'), 'one')
    writeFileSync(join(image, 'usr/local/lib/app/sbom.cdx.json'), 'bill\n')
    const before = await chain({ folder: image }, false)
    writeFileSync(join(image, altered), 'altered')
    expect(names(before, 'wrong')).toEqual([])
    expectWrong(await chain({ folder: image }, false), 'image folder', why)
    writeFileSync(join(folder.path, 'good'), altered.endsWith('app') ? 'one' : 'bill\n')
    rmSync(join(image, altered))
    symlinkSync(join(folder.path, 'good'), join(image, altered))
    expectWrong(await chain({ folder: image }, false), 'image folder', 'is behind a link')
    rmSync(join(image, altered))
  })

  test('a commit that is not on main', async () => {
    await $`git branch --quiet early ${commit}`.cwd(source)
    const change = { commit: other, branch: 'early', stated: { of: other }, rebuilds: true }
    const links = await chain(change, false)
    expect(links[2]).toMatchObject({ name: 'executable', status: 'not asked' })
    expectWrong(links, 'commit', 'is not on early')
  })

  test.each([
    ['main', undefined],
    ['origin/main', undefined],
    ['early', 'early'],
  ])('a commit that only a tag named %s has', async (tag, branch) => {
    await $`git branch --quiet --force early ${commit} && git checkout --quiet --detach`.cwd(source)
    await $`git branch --quiet --force main ${commit} && git tag ${tag} ${other}`.cwd(source)
    const links = await chain({ commit: other, branch, stated: { of: other } }, false)
    const onHead = await chain({ commit: other, branch: 'HEAD', stated: { of: other } }, false)
    await $`git tag --delete ${tag} && git branch --quiet --force main ${other}`.cwd(source).quiet()
    expectWrong(links, 'commit', `is not on ${branch ?? 'main'}`)
    expect(names(onHead, 'wrong')).toEqual([])
  })

  test.each<[string, () => Statement, string]>([
    ['of another commit', () => ({ of: other }), 'the statement is of commit '],
    ['by an unknown key', () => ({ key: strangers.privateKey }), 'is not signed by a trusted key'],
    ['by a key of receipts', () => ({ key: rolling.privateKey }), 'is not signed by a trusted key'],
  ])('a statement %s', async (_, stated, why) => {
    const links = await chain({ stated: stated() }, false)
    expectWrong(links, 'statement', why)
  })

  test('an AMI that was tagged by hand', async () => {
    const image = scene.plane.images.get(NEW_IMAGE)
    if (image) image.tags.release = commit
    const tagged = await chain({ receipt: readReceipt(receive({ ami: NEW_IMAGE })) })
    if (image) image.tags.release = other
    expect(tagged.find(({ name }) => name === 'image')?.text).toContain(
      `the statement does not name ${NEW_IMAGE}`,
    )
    const untagged = await chain({ receipt: readReceipt(receive({ ami: NEW_IMAGE })) })
    expect(untagged.find(({ name }) => name === 'image')?.text).toContain(
      `the tags of ${NEW_IMAGE} say release ${other.slice(0, 12)}`,
    )
  })

  test('tags of an AMI that say other checksums', async () => {
    const image = scene.plane.images.get(OLD_IMAGE)
    if (image) image.tags.executable = sha256('altered')
    const links = await chain()
    delete image?.tags.executable
    expectWrong(links, 'image', `the tag 'executable' of ${OLD_IMAGE} is `)
  })

  test('a launch template that launches another AMI', async () => {
    const [version] = scene.plane.template.versions
    if (version) version.imageId = NEW_IMAGE
    const links = await chain()
    if (version) version.imageId = OLD_IMAGE
    expectWrong(links, 'launch template', `launches ${NEW_IMAGE}, not ${OLD_IMAGE}`)
  })

  test.each([
    ['installed', 'the checksum of the installed executable of i-'],
    ['running', 'the checksum of the running executable of i-'],
    ['sbom', 'the checksum of the bill of materials of i-'],
  ] as const)('an instance with another checksum: %s', async (what, why) => {
    tellChecksums({ [what]: sha256('altered') })
    const links = await chain()
    tellChecksums({})
    expectWrong(links, 'instances', why)
  })

  test('an instance that answers with another release', async () => {
    tellChecksums({ version: JSON.stringify({ version: other, instance: 'i' }) })
    const links = await chain()
    tellChecksums({})
    expectWrong(links, 'instances', 'the release of i-')
  })

  test.each<[string, () => string, string]>([
    [
      'that was edited',
      () => edit(receive(), (receipt) => ({ ...receipt, seconds: 1 })),
      'was edited',
    ],
    [
      'that was edited where it is signed',
      () => {
        const path = receive()
        edit(signedPath(path), ({ payload, ...envelope }) => ({
          ...envelope,
          payload: btoa(atob(String(payload)).replace('shipped', 'skipped')),
        }))
        return path
      },
      'is not signed by a trusted key',
    ],
    [
      'by an unknown key',
      () => receive({}, strangers.privateKey),
      'is not signed by a trusted key',
    ],
    ['by a builder', () => receive({}, keys.privateKey), 'is not signed by a trusted key'],
    ['of a rollout that failed', () => receive({ verdict: 'failed' }), "its verdict is 'failed'"],
    ['of another release', () => receive({ release: other }), 'it is of release '],
    [
      'of another group',
      () => receive({ group: 'another-group' }),
      'it is of the group another-group',
    ],
    [
      'that is not signed',
      () => {
        const path = receive()
        rmSync(signedPath(path))
        return path
      },
      'is not signed: there is no ',
    ],
  ])('a receipt %s', async (_, make, why) => {
    expectWrong(await chain({ receipt: readReceipt(make()) }, false), 'receipt', why)
  })
})
