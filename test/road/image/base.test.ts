import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { run } from '../../lab/support/command.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { stubCommand } from '../../lab/support/stub.ts'

const mounts = process.getuid?.() === 0 && process.platform === 'linux'

test.skipIf(!mounts)(
  'a base that is interrupted leaves no mount, and removes nothing of the machine through one',
  async () => {
    using folder = temporaryFolder()
    const precious = join(folder.path, 'precious')
    mkdirSync(precious)
    writeFileSync(join(precious, 'file'), 'of the machine')
    const bin = join(folder.path, 'bin')
    mkdirSync(bin)
    // Like the real one, it mounts inside of its target; unlike it, it is killed before it has unmounted.
    stubCommand(
      bin,
      'debootstrap',
      `#!/bin/bash
target=\${@: -1}
mkdir -p "$target/proc"
mount --bind '${precious}' "$target/proc"
kill -KILL $$
`,
    )
    const images = join(folder.path, 'images')
    mkdirSync(images)
    const { code } = await run(
      [join(root, 'scripts/lib/image/base.sh'), join(images, 'base.tar')],
      {
        env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
      },
    )
    expect(code).not.toBe(0)
    expect(existsSync(join(precious, 'file'))).toBe(true)
    expect(readdirSync(images)).toEqual([])
    expect((await run(['findmnt', '--list'])).out).not.toContain(images)
  },
)
