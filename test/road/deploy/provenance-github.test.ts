import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { attest, BUILDER, entryOf, KEYS, stated, trust } from '../../lab/support/attestation.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import {
  bump,
  chosen,
  ON_GITHUB,
  project,
  refusal,
  scene,
  useProject,
  WORKFLOW,
} from './fixtures/provenance.ts'
import { NEW, NEW_IMAGE, OLD } from './fixtures/scene.ts'
import { environment, PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

useProject()

// gh needs GitHub: a stub records how it is called, and answers as cli/cli and sigstore-go do.
describe('an attestation of GitHub', () => {
  const folder = temporaryFolder()
  afterAll(() => folder[Symbol.dispose]())
  const at = (name: string) => join(folder.path, name)
  const withGh = { PATH: `${folder.path}:${environment().PATH}` }
  /** Has gh print this, on stdout if it succeeds and otherwise on stderr. */
  const answer = async (text: string, code = 0): Promise<void> => {
    await Bun.write(at('answer'), text)
    await Bun.write(at('code'), String(code))
  }
  const verified = (statement: object) =>
    JSON.stringify([
      {
        attestation: { bundle: {}, bundle_url: 'https://example.com/bundle' },
        verificationResult: {
          mediaType: 'application/vnd.dev.sigstore.verificationresult+json;version=0.1',
          statement,
          signature: { certificate: { subjectAlternativeName: WORKFLOW } },
          verifiedTimestamps: [],
        },
      },
    ])

  beforeAll(() => {
    stubCommand(
      folder.path,
      'gh',
      `#!/usr/bin/env bash
cd '${folder.path}'
printf '%s\\n' "$@" >called
sha256sum <"$3" >checksum
code=$(<code)
if ((code)); then cat answer >&2; else cat answer; fi
exit "$code"
`,
    )
  })
  beforeEach(async () => await trust(project, [ON_GITHUB]))
  afterEach(() => rmSync(at('called'), { force: true }))

  test('is verified by gh: of the id of the image, by this workflow on this branch', async () => {
    await answer(verified(stated(scene.plane, NEW_IMAGE, { builder: WORKFLOW })))
    const { code, err } = await bump([NEW], withGh)
    expect(err).toBe(`provenance signed by ${WORKFLOW} (GitHub)\n`)
    expect(code).toBe(0)
    expect(await chosen()).toBe(NEW_IMAGE)
    const [subject = '', ...rest] = (await Bun.file(at('called')).text())
      .trim()
      .split('\n')
      .slice(2)
    expect(subject).toEndWith('/subject')
    expect(rest).toEqual([
      ...['--repo', 'acme/notes'],
      ...['--cert-identity', WORKFLOW],
      '--deny-self-hosted-runners',
      ...['--source-ref', 'refs/heads/main'],
      ...['--predicate-type', 'https://slsa.dev/provenance/v1'],
      ...['--format', 'json'],
    ])
    const checksum = new Bun.CryptoHasher('sha256').update(NEW_IMAGE).digest('hex')
    expect(await Bun.file(at('checksum')).text()).toStartWith(checksum)
  })

  test.each<[string, () => Promise<void>, string]>([
    [
      'gh does not verify it, in the words of gh',
      () => answer('Error: verifying with issuer "sigstore.dev"\n\nno match\n', 1),
      'gh does not verify it: Error: verifying with issuer "sigstore.dev"; no match.',
    ],
    [
      'there is none, although gh exits with 0',
      () => answer(''),
      'gh attestation verify printed no verified attestation, but nothing',
    ],
    [
      'it is of another commit',
      () => answer(verified(stated(scene.plane, NEW_IMAGE, { builder: WORKFLOW, commit: OLD }))),
      `the statement is of commit ${OLD}, expected ${NEW}`,
    ],
    [
      'it names another branch than its certificate',
      () =>
        answer(
          verified(
            stated(scene.plane, NEW_IMAGE, { builder: WORKFLOW.replace('main', 'mallory') }),
          ),
        ),
      `bake-image.yml@refs/heads/mallory, expected ${WORKFLOW}`,
    ],
  ])('is refused: %s', async (_, prepare, why) => {
    await prepare()
    expect(await refusal([NEW], withGh)).toContain(why)
  })

  test('is not needed for what another trusted builder signed with a key', async () => {
    await trust(project, [ON_GITHUB, entryOf(BUILDER, KEYS.publicKey)])
    attest(scene.plane, NEW_IMAGE)
    expect((await bump([NEW], withGh)).code).toBe(0)
    expect(await Bun.file(at('called')).exists()).toBe(false)
  })

  test('is not looked for without gh, and the refusal says where gh is', async () => {
    const said = await refusal([NEW], { PATH: pathWithout('gh') })
    expect(said).toContain('gh is not installed')
    expect(said).toContain('https://cli.github.com')
  })
})

const pathWithout = (command: string): string =>
  (environment().PATH ?? '')
    .split(':')
    .filter((folder) => !Bun.which(command, { PATH: folder }))
    .join(':')
