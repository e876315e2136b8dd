import { describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BuildMetafile } from 'bun'
import { bundledPackages } from '../../../scripts/lib/provenance/sbom/bundled.ts'
import { temporaryFolder } from '../../lab/support/process.ts'

/** A tree with packages in node_modules, and a lock file. */
function treeOf(packages: Record<string, object>, lock: string) {
  const folder = temporaryFolder()
  for (const [path, content] of Object.entries(packages)) {
    mkdirSync(join(folder.path, path), { recursive: true })
    writeFileSync(join(folder.path, path, 'package.json'), JSON.stringify(content))
  }
  writeFileSync(join(folder.path, 'bun.lock'), lock)
  return folder
}

/** What Bun says of a bundle: bytes in the output and imports, by file. */
function metafileOf(files: Record<string, [bytes: number, imports?: string[]]>) {
  const entries = Object.entries(files)
  return {
    inputs: Object.fromEntries(
      entries.map(([path, [, imports = []]]) => [
        path,
        { imports: imports.map((path) => ({ path })) },
      ]),
    ),
    outputs: {
      'main.js': {
        inputs: Object.fromEntries(
          entries.map(([path, [bytesInOutput]]) => [path, { bytesInOutput }]),
        ),
      },
    },
  } as unknown as BuildMetafile
}

const MIT = { version: '1.0.0', license: 'MIT' }
const LOCK = `{ "packages": {
  "a": ["a@1.0.0", "", {}, "sha512-AAAA"],
  "@s/b": ["@s/b@1.0.0", "", {}, "sha512-////"],
  "a/@s/b": ["@s/b@2.0.0", "", {}, "sha512-AQID"],
} }`

describe('the packages of a bundle', () => {
  test('are those with code in it, each version once, and who imports them', () => {
    using folder = treeOf(
      {
        'node_modules/a': { name: 'a', ...MIT },
        'node_modules/@s/b': { name: '@s/b', ...MIT },
        'node_modules/a/node_modules/@s/b': { name: '@s/b', ...MIT, version: '2.0.0' },
      },
      LOCK,
    )
    const { packages, direct } = bundledPackages(
      folder.path,
      metafileOf({
        'src/main.ts': [9, ['node_modules/a/x.js', 'node:fs']],
        'node_modules/a/x.js': [
          9,
          ['node_modules/a/y.js', 'node_modules/a/node_modules/@s/b/z.js'],
        ],
        'node_modules/a/y.js': [9, ['node_modules/a/node_modules/@s/b/z.js']],
        'node_modules/a/node_modules/@s/b/z.js': [9],
        'node_modules/@s/b/z.js': [0],
      }),
    )
    expect(direct).toEqual(['pkg:npm/a@1.0.0'])
    expect(packages).toMatchObject([
      { name: '@s/b', purl: 'pkg:npm/%40s/b@2.0.0', hash: { content: '010203' }, imports: [] },
      { name: 'a', hash: { content: '000000' }, imports: ['pkg:npm/%40s/b@2.0.0'] },
    ])
  })

  test.each([
    [{ name: 'a', version: '1.0.1', license: 'MIT' }, 'is a 1.0.1, which bun.lock does not have'],
    [{ name: 'a', version: '1.0.0' }, 'node_modules/a/package.json names no licence'],
  ])('are refused where one is %j', (content, message) => {
    using folder = treeOf({ 'node_modules/a': content }, LOCK)
    const bundle = metafileOf({ 'node_modules/a/x.js': [9] })
    expect(() => bundledPackages(folder.path, bundle)).toThrow(message)
  })
})
