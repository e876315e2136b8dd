import { describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { root } from '../../../scripts/lib/service.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { stubCommand } from '../../lab/support/stub.ts'

const script = join(root, 'packer', 'provision', '00-packages.sh')

describe('the installation of packages', () => {
  /** Runs it with stand-ins; dnf fails `failures` times. Returns what was called, in order. */
  async function install(packages: string, failures: number) {
    using folder = temporaryFolder()
    const calls = join(folder.path, 'calls')
    writeFileSync(calls, '')
    const note = `echo "$(basename "$0") $*" >>${calls}`
    const dnf = `${note}; (($(grep -c ^dnf ${calls}) > ${failures}))`
    for (const [name, body] of Object.entries({
      dnf,
      sleep: note,
      // Exits with 2 when one of its tasks failed.
      'cloud-init': `${note}; exit 2`,
    })) {
      stubCommand(folder.path, name, `#!/usr/bin/env bash\n${body}\n`)
    }
    const PATH = `${folder.path}:${process.env.PATH}`
    const { exitCode } = await $`bash ${script}`
      .env({ ...process.env, PATH, PACKAGES: packages })
      .nothrow()
      .quiet()
    return { exitCode, calls: readFileSync(calls, 'utf8').trim().split('\n') }
  }

  const DNF = 'dnf --quiet --assumeyes install agent'

  test('waits for cloud-init, whatever its result', async () => {
    const { exitCode, calls } = await install('agent', 0)
    expect({ exitCode, calls }).toEqual({ exitCode: 0, calls: ['cloud-init status --wait', DNF] })
  })

  test('retries with growing pauses when dnf fails', async () => {
    const { exitCode, calls } = await install('agent', 2)
    expect(exitCode).toBe(0)
    expect(calls.slice(1)).toEqual([DNF, 'sleep 10', DNF, 'sleep 20', DNF])
  })

  test('fails when dnf keeps failing', async () => {
    const { exitCode, calls } = await install('agent', 9)
    expect(exitCode).toBe(1)
    expect(calls.filter((call) => call === DNF)).toHaveLength(4)
  })

  test('needs no dnf when there are no packages to install', async () => {
    expect((await install('', 9)).exitCode).toBe(0)
  })
})
