import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { keptAt } from '../../../scripts/lib/provenance/kept.ts'
import { keyId, seal } from '../../../scripts/lib/receipt/envelope.ts'
import { accountOf } from '../../lab/aws-double/account.ts'
import { attest, BUILDER, entryOf, KEYS, stated, trust } from '../../lab/support/attestation.ts'
import {
  bump,
  choose,
  chosen,
  ON_GITHUB,
  project,
  refusal,
  scene,
  useProject,
  WORKFLOW,
} from './fixtures/provenance.ts'
import { NEW, NEW_IMAGE, noPermissions, OLD, OLD_IMAGE } from './fixtures/scene.ts'
import { PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

const MALLORY = generateKeyPairSync('ed25519')
const PLACE = keptAt(NEW_IMAGE)

useProject()

const keep = (value: string) => accountOf(scene.plane).values.set(PLACE, value)
const kept = (ami: string): string => accountOf(scene.plane).values.get(keptAt(ami)) ?? ''
const image = () => {
  const found = scene.plane.images.get(NEW_IMAGE)
  if (!found) throw new Error(`there is no image ${NEW_IMAGE}`)
  return found
}

describe('an image is chosen', () => {
  test('when a trusted builder signed that it made it, by name of the builder and its key', async () => {
    attest(scene.plane, NEW_IMAGE)
    await trust(project, [
      entryOf('https://example.com/other', MALLORY.publicKey),
      entryOf(BUILDER, KEYS.publicKey),
    ])
    const { code, err } = await bump()
    expect(err).toBe(
      `provenance signed by ${BUILDER} (key ${keyId(KEYS.publicKey).slice(0, 12)})\n`,
    )
    expect(code).toBe(0)
    expect(await chosen()).toBe(NEW_IMAGE)
  })

  test('without a statement when --unattested is given, which says so', async () => {
    const { code, err } = await bump([NEW, '--unattested'])
    expect(err).toBe('provenance not checked (--unattested)\n')
    expect(code).toBe(0)
    expect(await chosen()).toBe(NEW_IMAGE)
  })

  test('with --previous on the same terms', async () => {
    const past = { release: NEW, ami_id: NEW_IMAGE, bumped_at: '2026-01-02' }
    await choose([past])
    expect(await refusal(['--previous'])).toContain('there is no statement about it')
    attest(scene.plane, NEW_IMAGE)
    expect((await bump(['--previous'])).code).toBe(0)
    expect(await chosen()).toBe(NEW_IMAGE)
  })
})

describe('a bump refuses', () => {
  const digest = 'f'.repeat(64)

  test.each<[string, () => void, string]>([
    [
      'an image with the tag of another executable',
      () => {
        attest(scene.plane, NEW_IMAGE)
        image().tags.executable = digest
      },
      `-linux-arm64 is ${digest}, the statement says `,
    ],
    [
      'an image with the tag of another bill of materials',
      () => {
        attest(scene.plane, NEW_IMAGE)
        image().tags.sbom = digest
      },
      `-linux-arm64.cdx.json is ${digest}, the statement says `,
    ],
    [
      'an image without the tag of its executable',
      () => {
        attest(scene.plane, NEW_IMAGE)
        delete image().tags.executable
      },
      `the AMI ${NEW_IMAGE} has no tag 'executable'`,
    ],
    [
      'an image without the tag of its bill of materials',
      () => {
        attest(scene.plane, NEW_IMAGE)
        delete image().tags.sbom
      },
      `the AMI ${NEW_IMAGE} has no tag 'sbom'`,
    ],
    [
      'what another builder made with a trusted key',
      () => {
        const builder = 'https://example.com/laptop'
        attest(scene.plane, NEW_IMAGE, stated(scene.plane, NEW_IMAGE, { builder }))
      },
      `the statement was made by https://example.com/laptop, expected ${BUILDER}`,
    ],
    [
      'what was made of another commit',
      () => attest(scene.plane, NEW_IMAGE, stated(scene.plane, NEW_IMAGE, { commit: OLD })),
      `the statement is of commit ${OLD}, expected ${NEW}`,
    ],
    [
      'the statement of an older release, replayed for this one',
      () => {
        attest(scene.plane, OLD_IMAGE)
        keep(kept(OLD_IMAGE))
      },
      `the statement is of commit ${OLD}, expected ${NEW}`,
    ],
    [
      'the statement of another image of this release, replayed for this one',
      () => {
        const twin = { ...image(), id: 'ami-0cccccccccccccccc', createdAt: 0 }
        scene.plane.images.set(twin.id, twin)
        attest(scene.plane, twin.id)
        keep(kept(twin.id))
        scene.plane.images.delete(twin.id)
      },
      `the statement does not name ${NEW_IMAGE}`,
    ],
    [
      'an image that somebody tagged by hand',
      () => {},
      `there is no statement about it: the parameter ${PLACE} does not exist in this region`,
    ],
    [
      'the key of a stranger',
      () => attest(scene.plane, NEW_IMAGE, stated(scene.plane, NEW_IMAGE), MALLORY.privateKey),
      `the statement is not signed by a trusted key (its keys: ${keyId(MALLORY.publicKey).slice(0, 12)})`,
    ],
    [
      'a statement that was edited after it was signed',
      () => {
        const { payload: _, ...rest } = seal(stated(scene.plane, OLD_IMAGE), KEYS.privateKey)
        const edited = Buffer.from(JSON.stringify(stated(scene.plane, NEW_IMAGE)))
        keep(JSON.stringify({ ...rest, payload: edited.toString('base64') }))
      },
      'the statement is not signed by a trusted key',
    ],
    ['a parameter that is not JSON', () => keep('{'), `the parameter ${PLACE} does not hold JSON`],
    [
      'a parameter that is no envelope',
      () => keep(JSON.stringify(stated(scene.plane, NEW_IMAGE))),
      'this is no DSSE envelope with an in-toto statement',
    ],
  ])('%s', async (_, forge, why) => {
    forge()
    const said = await refusal()
    expect(said).toStartWith(
      `bump: where ${NEW_IMAGE} of release bbbbbbbbbbbb comes from is not proven: `,
    )
    expect(said).toContain(why)
  })

  test('a trusted builder with the key of another one', async () => {
    await trust(project, [
      entryOf(BUILDER, KEYS.publicKey),
      entryOf('https://example.com/other', MALLORY.publicKey),
    ])
    attest(scene.plane, NEW_IMAGE, stated(scene.plane, NEW_IMAGE), MALLORY.privateKey)
    expect(await refusal()).toContain(
      `the statement was made by ${BUILDER}, expected https://example.com/other`,
    )
  })

  test.skipIf(noPermissions !== undefined)('without access to the statement', async () => {
    attest(scene.plane, NEW_IMAGE)
    const said = await refusal([NEW], scene.as('rollback'))
    expect(said).toContain('is not authorized to perform: ssm:GetParameter on resource: ')
  })

  test('while no builder is trusted, and says where to name one', async () => {
    attest(scene.plane, NEW_IMAGE)
    await trust(project, [])
    expect(await refusal()).toContain(
      `bump: no builder is trusted yet: add the one that bakes to ${project}/scripts/trusted-builders.json`,
    )
  })

  test.each<[string, string, string]>([
    ['no JSON', '[', 'trusted-builders.json is not JSON'],
    ['no list', '{}', 'the content is no trusted builder, expected { "builder": URI, "key": '],
    ['a builder without a key', `[{"builder":"${BUILDER}"}]`, 'entry 1 is no trusted builder'],
    [
      'a private key',
      JSON.stringify([
        { builder: BUILDER, key: KEYS.privateKey.export({ type: 'pkcs8', format: 'pem' }) },
      ]),
      'entry 1 is no trusted builder',
    ],
    [
      'a workflow of any branch',
      JSON.stringify([ON_GITHUB, { ...ON_GITHUB, builder: WORKFLOW.replace(/@.*/, '') }]),
      'entry 2 is no trusted builder',
    ],
  ])('a list of trusted builders with %s', async (_, content, why) => {
    await Bun.write(join(project, 'scripts/trusted-builders.json'), content)
    const { code, err } = await bump()
    expect(err).toContain(why)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
    expect(code).toBe(1)
    expect(await chosen()).toBe(OLD_IMAGE)
  })
})
