import { expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { run, succeed } from '../../lab/support/command.ts'
import { temporaryFolder } from '../../lab/support/process.ts'

const guide = await Bun.file(join(root, '.github/MAKE_IT_YOURS.md')).text()

/** What the guide says can be removed, by part. */
const parts = [...guide.matchAll(/^\| ([a-z ]+) \| ((?:`[\w/]+`\s?)+) \|/gm)]
  .map(([, part = '', cell = '']) => ({ part, paths: cell.match(/[\w/]+/g) ?? [] }))
  .filter(({ paths }) => paths.every((path) => /^(test|scripts)(\/\w+)+$/.test(path)))

test('a clone without any of the optional parts has no import that leads nowhere, and its types are right', async () => {
  expect(parts.length).toBeGreaterThanOrEqual(4)
  using folder = temporaryFolder()
  const clone = join(folder.path, 'clone')
  await succeed(['git', 'clone', '--quiet', '--shared', root, clone])
  await succeed(['cp', '-a', join(root, 'node_modules'), join(clone, 'node_modules')])
  for (const path of parts.flatMap(({ paths }) => paths))
    rmSync(join(clone, path), { recursive: true })
  expect(await run(['node_modules/.bin/tsc', '--project', '.'], { cwd: clone })).toMatchObject({
    code: 0,
    output: '',
  })
}, 120_000)
