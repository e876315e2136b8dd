import { expect, test } from 'bun:test'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'

const run = (command: string[]) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command)
  return { exitCode, out: stdout.toString(), err: stderr.toString() }
}
const isMissing = (name: string) => run(['dpkg-query', '-W', name]).exitCode !== 0

/** Small packages with a program of the same name that needs libraries of other packages. */
const candidate = Bun.which('apt-get') && ['jq', 'gawk', 'bc'].find(isMissing)
const skipped = candidate
  ? undefined
  : 'there is no apt-get, or all that the test would unpack is installed'
sayWhatIsLeftOut('unpacking packages without root', skipped)

/** As a user who may not become root. */
const asNobody =
  process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []

test.skipIf(!candidate)(
  'a program is there without root, once its package and what it needs are unpacked',
  () => {
    using folder = temporaryFolder()
    chmodSync(folder.path, 0o777)
    const need = (program = candidate) =>
      run([
        ...[...asNobody, 'env', `root=${folder.path}`, 'bash', '-euo', 'pipefail', '-c'],
        `source ${join(root, 'scripts/lib/shell/packages.sh')}
       sudo() { return 1; }
       need_programs ${program} && command -v ${program} && ${program} --version`,
      ])
    const first = need()
    expect(first).toMatchObject({
      exitCode: 0,
      err: `unpacking ${candidate} into .tools/packages\n`,
    })
    expect(first.out).toStartWith(`${folder.path}/.tools/packages/root/usr/bin/${candidate}\n`)
    expect(need()).toMatchObject({ exitCode: 0, err: '', out: first.out })
    expect(need('no-such-package')).toMatchObject({ exitCode: 2 })
  },
  120_000,
)
