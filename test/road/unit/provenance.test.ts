import { describe, expect, test } from 'bun:test'
import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkStatement, describeBuild } from '../../../scripts/lib/provenance/statement.ts'
import { readReceiptKeys, readTrustedBuilders } from '../../../scripts/lib/provenance/trust.ts'
import {
  amiArtifact,
  type Envelope,
  keyId,
  open,
  readPrivateKey,
  seal,
} from '../../../scripts/lib/receipt/envelope.ts'
import { entryOf, receiptsOf } from '../../lab/support/attestation.ts'
import { temporaryFolder } from '../../lab/support/process.ts'

const sha256 = (text: string) => new Bun.CryptoHasher('sha256').update(text).digest('hex')

const BUILD = {
  builder: 'https://example.com/bake',
  commit: 'a'.repeat(40),
  parameters: { arch: 'arm64' },
  materials: [{ name: 'bun.lock', sha256: sha256('lock') }],
  artifacts: [
    { name: 'executable', sha256: sha256('executable') },
    { name: 'executable.cdx.json', sha256: sha256('sbom') },
    amiArtifact('ami-0123456789abcdef0'),
  ],
  finishedAt: new Date('2026-01-02T03:04:05Z'),
}
const STATEMENT = describeBuild(BUILD)
const own = generateKeyPairSync('ed25519')
const other = generateKeyPairSync('ed25519')
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** What somebody who trusts `own` makes of an envelope. */
function check(envelope: unknown, expected: Partial<typeof BUILD> = {}) {
  checkStatement(open(envelope, [own.publicKey]), { ...BUILD, ...expected })
}
const withArtifact = (artifact: { name: string; sha256: string }) =>
  BUILD.artifacts.map((each) => (each.name === artifact.name ? artifact : each))
const edited = (envelope: Envelope, edit: (text: string) => string): Envelope => ({
  ...envelope,
  payload: Buffer.from(edit(Buffer.from(envelope.payload, 'base64').toString())).toString('base64'),
})

describe('a statement of provenance', () => {
  test.each([
    ['Ed25519', own],
    ['ECDSA', p256],
  ])('that is signed with %s verifies with the public key', (_, { privateKey, publicKey }) => {
    const envelope = JSON.parse(JSON.stringify(seal(STATEMENT, privateKey)))
    const statement = open(envelope, [other.publicKey, publicKey])
    expect(statement).toEqual(STATEMENT)
    expect(() => checkStatement(statement, BUILD)).not.toThrow()
    expect(envelope.signatures[0].keyid).toBe(keyId(publicKey))
  })

  test('signs what DSSE says, so that other tools verify it', () => {
    const { payload, payloadType, signatures } = seal(STATEMENT, own.privateKey)
    const body = Buffer.from(payload, 'base64').toString()
    const signed = `DSSEv1 28 application/vnd.in-toto+json ${Buffer.byteLength(body)} ${body}`
    const signature = Buffer.from(signatures[0]?.sig ?? '', 'base64')
    expect(payloadType).toBe('application/vnd.in-toto+json')
    expect(verify(null, Buffer.from(signed), own.publicKey, signature)).toBe(true)
  })

  const envelope = seal(STATEMENT, own.privateKey)
  const older = seal(describeBuild({ ...BUILD, commit: 'b'.repeat(40) }), own.privateKey)
  const elsewhere = describeBuild({ ...BUILD, builder: 'https://example.com/laptop' })

  test.each<[string, unknown, Partial<typeof BUILD>, string]>([
    [
      'an altered executable',
      envelope,
      { artifacts: withArtifact({ name: 'executable', sha256: sha256('altered') }) },
      `the checksum of executable is ${sha256('altered')}, the statement says ${sha256('executable')}`,
    ],
    [
      'an altered bill of materials',
      envelope,
      { artifacts: withArtifact({ name: 'executable.cdx.json', sha256: sha256('altered') }) },
      'the checksum of executable.cdx.json is ',
    ],
    [
      'another image with the tags of this one',
      envelope,
      { artifacts: [amiArtifact('ami-ffffffffffffffff0')] },
      'the statement does not name ami-ffffffffffffffff0',
    ],
    [
      'another builder with a trusted key',
      seal(elsewhere, own.privateKey),
      {},
      'the statement was made by https://example.com/laptop, expected https://example.com/bake',
    ],
    [
      'another key',
      seal(STATEMENT, other.privateKey),
      {},
      `the statement is not signed by a trusted key (its keys: ${keyId(other.publicKey).slice(0, 12)})`,
    ],
    [
      'another key with a name that writes over the line',
      {
        ...seal(STATEMENT, other.privateKey),
        signatures: [{ keyid: '\r\x1b[2Kok', sig: '' }],
      },
      {},
      'the statement is not signed by a trusted key (its keys: without a name)',
    ],
    [
      'another key that takes the name of a trusted one',
      {
        ...seal(STATEMENT, other.privateKey),
        signatures: [
          {
            keyid: keyId(own.publicKey),
            sig: seal(STATEMENT, other.privateKey).signatures[0]?.sig,
          },
        ],
      },
      {},
      'the statement is not signed by a trusted key',
    ],
    [
      'another commit',
      envelope,
      { commit: 'c'.repeat(40) },
      `the statement is of commit ${BUILD.commit}, expected ${'c'.repeat(40)}`,
    ],
    [
      'the statement of an older release',
      older,
      {},
      `the statement is of commit ${'b'.repeat(40)}, expected ${BUILD.commit}`,
    ],
    [
      'an edited statement',
      edited(older, (text) => text.replaceAll('b'.repeat(40), 'a'.repeat(40))),
      {},
      'the statement is not signed by a trusted key',
    ],
    [
      'another kind of statement',
      seal({ ...STATEMENT, predicateType: 'https://x' }, own.privateKey),
      {},
      'not SLSA provenance v1',
    ],
    ['no signature', { ...envelope, signatures: [] }, {}, 'this is no DSSE envelope'],
    ['no envelope', STATEMENT, {}, 'this is no DSSE envelope'],
  ])('refuses %s', (_, given, expected, sentence) => {
    expect(() => check(given, expected)).toThrow(sentence)
  })
})

describe('a key', () => {
  /** Reads a PEM file with `content`. */
  function read(content: string) {
    using folder = temporaryFolder()
    const path = join(folder.path, 'key.pem')
    writeFileSync(path, content)
    return readPrivateKey(path)
  }
  const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string

  test('is read from a PEM file', () => {
    for (const pair of [own, p256]) {
      expect(keyId(read(pem(pair.privateKey)))).toBe(keyId(pair.publicKey))
    }
  })

  test('that is trusted with receipts is trusted with no image, nor the other way round', () => {
    using folder = temporaryFolder()
    const path = join(folder.path, 'trusted.json')
    const entries = [
      entryOf('https://example.com/bake', own.publicKey),
      receiptsOf(other.publicKey),
    ]
    writeFileSync(path, JSON.stringify(entries))
    const keysOf = readTrustedBuilders(path).flatMap((each) =>
      'key' in each ? [keyId(each.key)] : [],
    )
    expect(keysOf).toEqual([keyId(own.publicKey)])
    expect(readReceiptKeys(path).map(keyId)).toEqual([keyId(other.publicKey)])
  })

  test('of another type, or none, is refused', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
    expect(() => read(pem(rsa.privateKey))).toThrow(
      /got a key of type rsa, expected Ed25519 or ECDSA on P-256/,
    )
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    expect(() => read(pem(p384.privateKey))).toThrow('got a key of type ec')
    expect(() => read('nonsense')).toThrow('expected a key in PEM')
    expect(() => readPrivateKey('/nowhere/key.pem')).toThrow('/nowhere/key.pem does not exist')
    expect(() => readPrivateKey(tmpdir())).toThrow(`${tmpdir()} is a folder, not a file`)
  })
})
