import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { keptAt } from '../../../scripts/lib/provenance/kept.ts'
import { readReceipt } from '../../../scripts/lib/receipt/signed.ts'
import { service } from '../../../scripts/lib/service.ts'
import { chainLines } from '../../../scripts/lib/verify/link.ts'
import { accountOf } from '../../lab/aws-double/account.ts'
import { entryOf, receiptsOf } from '../../lab/support/attestation.ts'
import { OLD_IMAGE } from './fixtures/scene.ts'
import { PATIENCE_MS, runScript } from './fixtures/script.ts'
import {
  BUILDER,
  chain,
  commit,
  keys,
  names,
  receive,
  reportChecksums,
  rolling,
  scene,
  source,
  state,
  useChain,
  write,
} from './fixtures/verify.ts'

setDefaultTimeout(PATIENCE_MS)

useChain()

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
      expect.stringMatching(/^ok +materials +bun.lock [0-9a-f]{12}, bun-linux-aarch64 b{12}$/),
      expect.stringMatching(
        /^ok +image +ami-0a{16}, arm64, from ami-05\w{15}, its tags say the same$/,
      ),
      expect.stringMatching(/^ok +launch template +version 1 of .* launches ami-0a{16}$/),
      expect.stringMatching(/^ok +instances +2 of 2 have installed and run the stated executable/),
      expect.stringMatching(
        /^ok +receipt +shipped to \S+-production at 2026-.*: 2 of 2 instances answered/,
      ),
      'the chain holds: 9 ok',
    ])
    expect(code).toBe(0)
  })

  test('asks nothing of AWS with --offline, and with --json says so to machines', async () => {
    const words = [commit, '--offline', '--no-rebuild', '--source', source, '--json']
    const { code, out } = await runScript('verify', words)
    const { release, holds, links } = JSON.parse(out)
    expect([release, holds, code]).toEqual([commit, true, 0])
    // As in a new clone, where nothing is configured.
    expect(links[1].text).toContain('no builder is trusted yet')
    expect(names(links, 'not asked')).toEqual([
      ...[
        'statement',
        'executable',
        'sbom',
        'materials',
        'image',
        'launch template',
        'instances',
        'receipt',
      ],
    ])
  })

  test('leaves out instances that run a later release than the receipt is of', async () => {
    scene.plane.group.version = 2
    const links = await chain({ receipt: readReceipt(receive()) })
    scene.plane.group.version = 1
    expect(names(links, 'problem')).toEqual([])
    expect(links.find(({ name }) => name === 'instances')?.text).toContain('gone on to version 2')
  })

  test('tells the rest of the chain when there is no such group', async () => {
    const group = `${service.name}-nowhere`
    const receipt = readReceipt(receive({ group }))
    const links = await chain({ receipt, group, rebuilds: true })
    expect(names(links, 'problem')).toEqual(['launch template', 'instances'])
    expect(links.at(-2)?.text).toContain('there is no Auto Scaling group')
  })

  test('prints nothing that could write over its other lines', async () => {
    // To the first column, up a line, and hidden from here.
    reportChecksums({ version: '\x1b[1A\x1b[1Gok  instances  \x9b8m\u202e' })
    const lines = chainLines(await chain(), process.stdout)
    reportChecksums({})
    expect(lines[7]).toStartWith('WRONG      instances ')
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
