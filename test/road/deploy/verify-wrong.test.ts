import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { TAG } from '../../../scripts/lib/fleet/tags.ts'
import { amiArtifact } from '../../../scripts/lib/receipt/envelope.ts'
import { readReceipt, signedPath } from '../../../scripts/lib/receipt/signed.ts'
import type { Link } from '../../../scripts/lib/verify/link.ts'
import { SOURCE } from '../../lab/support/attestation.ts'
import { NEW_IMAGE, OLD_IMAGE } from './fixtures/scene.ts'
import { PATIENCE_MS } from './fixtures/script.ts'
import {
  BUILDER,
  chain,
  commit,
  EXECUTABLE,
  folder,
  imageOf,
  keys,
  MATERIALS,
  names,
  other,
  receive,
  reportChecksums,
  rolling,
  type Statement,
  SUMS,
  scene,
  sha256,
  source,
  useChain,
} from './fixtures/verify.ts'

setDefaultTimeout(PATIENCE_MS)

const strangers = generateKeyPairSync('ed25519')

useChain()

/** Changes a file of JSON; returns its path. */
function edit(path: string, change: (content: Record<string, unknown>) => object): string {
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))))
  return path
}

/** Expects one link to be wrong, and to say why. */
function expectWrong(links: Link[], name: string, why: string): void {
  const wrong = links.filter(({ status }) => status === 'problem')
  expect(wrong.length).toBeGreaterThan(0)
  for (const link of wrong) {
    expect(link).toEqual({ name, status: 'problem', text: expect.stringContaining(why) as string })
  }
  expect(names(links, 'unknown')).toEqual([])
}

describe('scripts/verify names', () => {
  test('an executable other than the commit makes', async () => {
    const stated = { sums: { ...SUMS, executable: sha256('altered') } }
    const { tags } = imageOf(OLD_IMAGE)
    tags.executable = sha256('altered')
    reportChecksums({ installed: sha256('altered'), running: sha256('altered') })
    const links = await chain({ stated, rebuilds: true })
    reportChecksums({})
    tags.executable = SUMS.executable
    expectWrong(links, 'executable', 'rebuilt it has the checksum')
  })

  test('a bill of materials other than the commit makes', async () => {
    const stated = { sums: { ...SUMS, sbom: sha256('altered') } }
    const links = await chain({ stated, rebuilds: true }, false)
    expectWrong(links, 'sbom', 'rebuilt it has the checksum')
  })

  test.each([
    ['bun.lock', () => MATERIALS.slice(1), 'the statement names none'],
    [
      'bun-linux-aarch64',
      () => [...MATERIALS.slice(0, 1), { name: 'bun-linux-aarch64', sha256: sha256('mine') }],
      `the checksum ${'b'.repeat(12)}, the statement says ${sha256('mine').slice(0, 12)}`,
    ],
  ])('a %s that is not the one of the commit', async (name, materials, why) => {
    const links = await chain(
      { stated: { materials: [...materials(), amiArtifact(SOURCE)] } },
      false,
    )
    expectWrong(links, 'materials', `${name} of the commit has `)
    expectWrong(links, 'materials', why)
  })

  test('an AMI that was made from another than is stated', async () => {
    const { tags } = imageOf(OLD_IMAGE)
    tags[TAG.source] = NEW_IMAGE
    const links = await chain()
    delete tags[TAG.source]
    const untagged = await chain()
    tags[TAG.source] = SOURCE
    expectWrong(
      links,
      'image',
      `the tag 'source-ami' of ${OLD_IMAGE} is ${NEW_IMAGE}, which is no stated`,
    )
    expectWrong(untagged, 'image', `the AMI ${OLD_IMAGE} has no tag 'source-ami'`)
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
    expect(names(before, 'problem')).toEqual([])
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
    expect(names(onHead, 'problem')).toEqual([])
  })

  test.each<[string, () => Statement, string]>([
    ['of another commit', () => ({ of: other }), 'the statement is of commit '],
    [
      'of another release with its own AMI and checksums, replayed for this one',
      () => ({ of: other, ami: NEW_IMAGE, sums: { ...SUMS, executable: sha256('two') } }),
      'the statement is of commit ',
    ],
    [
      'by another builder with a trusted key',
      () => ({ by: 'https://example.com/laptop' }),
      `the statement was made by https://example.com/laptop, expected ${BUILDER}`,
    ],
    ['by an unknown key', () => ({ key: strangers.privateKey }), 'is not signed by a trusted key'],
    ['by a key of receipts', () => ({ key: rolling.privateKey }), 'is not signed by a trusted key'],
  ])('a statement %s', async (_, stated, why) => {
    const links = await chain({ stated: stated() }, false)
    expectWrong(links, 'statement', why)
  })

  test('an AMI that was tagged by hand', async () => {
    const { tags } = imageOf(NEW_IMAGE)
    tags.release = commit
    const tagged = await chain({ receipt: readReceipt(receive({ ami: NEW_IMAGE })) })
    tags.release = other
    expect(tagged.find(({ name }) => name === 'image')?.text).toContain(
      `the statement does not name ${NEW_IMAGE}`,
    )
    const untagged = await chain({ receipt: readReceipt(receive({ ami: NEW_IMAGE })) })
    expect(untagged.find(({ name }) => name === 'image')?.text).toContain(
      `the tags of ${NEW_IMAGE} say release ${other.slice(0, 12)}`,
    )
  })

  test('tags of an AMI that say other checksums', async () => {
    const { tags } = imageOf(OLD_IMAGE)
    tags.executable = sha256('altered')
    const links = await chain()
    tags.executable = SUMS.executable
    expectWrong(links, 'image', `the tag 'executable' of ${OLD_IMAGE} is `)
  })

  test.each(['executable', 'sbom'] as const)('an AMI without the tag %s', async (tag) => {
    const { tags } = imageOf(OLD_IMAGE)
    delete tags[tag]
    const links = await chain()
    tags[tag] = SUMS[tag]
    expectWrong(links, 'image', `the AMI ${OLD_IMAGE} has no tag '${tag}'`)
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
    reportChecksums({ [what]: sha256('altered') })
    const links = await chain()
    reportChecksums({})
    expectWrong(links, 'instances', why)
  })

  test('an instance that answers with another release', async () => {
    reportChecksums({ version: JSON.stringify({ version: other, instance: 'i' }) })
    const links = await chain()
    reportChecksums({})
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
