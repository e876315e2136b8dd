import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { name } from '../../../package.json'
import { canary } from '../../../scripts/lib/domain/canary.ts'
import { root } from '../../../scripts/lib/service.ts'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { cloneTo } from '../../lab/support/clone.ts'
import { run, succeed } from '../../lab/support/command.ts'
import { end, eventually, freePort, temporaryFolder } from '../../lab/support/process.ts'
import { stubCommand } from '../../lab/support/stub.ts'

const readme = await Bun.file(join(root, 'README.md')).text()

/** A clone in a folder. */
async function cloneInto(folder: string): Promise<string> {
  const clone = join(folder, 'clone')
  await cloneTo(clone)
  return clone
}

describe('scripts/start', () => {
  test('serves at $PORT, past a proxy, answers the curl lines of the README as written, and leaves nothing behind after Ctrl-C', async () => {
    using folder = temporaryFolder()
    const clone = await cloneInto(folder.path)
    const port = String(freePort())
    const proxy = `http://127.0.0.1:${freePort()}`
    const child = Bun.spawn(['scripts/start'], {
      cwd: clone,
      env: { ...process.env, PORT: port, ADMIN_PORT: '0', HTTP_PROXY: proxy, all_proxy: proxy },
      stdout: Bun.file(join(folder.path, 'out')),
      stderr: 'ignore',
    })
    const printed = await eventually(
      'it says what to try',
      async () => {
        const text = await Bun.file(join(folder.path, 'out')).text()
        return text.includes(`${EXAMPLE.path}\n\n`) && text
      },
      { withinMs: 240_000 },
    )
    expect(printed).toContain(`${name} is serving at http://localhost:${port}`)
    expect(printed).toContain("curl --noproxy '*' -i")

    const answer = async (line = '') =>
      (await run(['bash', '-c', line.replaceAll('5000', port)])).out
    /** Midnight may pass between. */
    const expectRight = async (line?: string) => {
      const rightNow = () => canary.answer(EXAMPLE.path, EXAMPLE.body, new Date())
      const before = rightNow()
      const got = await answer(line)
      expect([before, rightNow()]).toContain(got)
    }
    const lines = readme.split('\n').filter((line) => line.startsWith('curl '))
    expect(await answer(lines[0])).toStartWith('HTTP/1.1 204')
    await expectRight(lines[1])
    expect(await answer(lines[2])).toStartWith('HTTP/1.1 204')
    expect(await answer(lines[3])).toBe('{"status":"ok"}')
    expect(JSON.parse(await answer(lines[4]))).toMatchObject({ environment: 'local' })
    const own = printed.split('\n').filter((line) => line.startsWith('  curl '))
    expect(await answer(own[0])).toStartWith('HTTP/1.1 204')
    await expectRight(own[1])

    const log = join(clone, `${name}.log`)
    const logged = await Bun.file(log).text()
    const second = await run(['scripts/start', '0'], {
      cwd: clone,
      env: {
        ...process.env,
        ADMIN_PORT: new URL(/"admin":"([^"]+)"/.exec(logged)?.[1] ?? '').port,
      },
    })
    expect(second.code).toBe(1)
    expect(second.err).toMatch(new RegExp(`^${name}: cannot start: ADMIN_PORT: \\d+ is taken `))
    expect((await Bun.file(log).text()).startsWith(logged)).toBe(true)

    child.kill('SIGINT')
    await child.exited
    await eventually('the port is closed', () =>
      fetch(`http://localhost:${port}/hc`).then(
        () => false,
        () => true,
      ),
    )
    await end(child)
  }, 300_000)

  test('reports an invalid setting once, and exits as the service does', async () => {
    using folder = temporaryFolder()
    const clone = await cloneInto(folder.path)
    const done = await run(['scripts/start', '0'], {
      cwd: clone,
      env: { ...process.env, TIMEZONE: 'Mars' },
    })
    expect(done.code).toBe(78)
    expect(done.err).toBe(
      `${name}: TIMEZONE: got "Mars", expected an IANA time zone, such as Europe/Berlin\n`,
    )
  }, 300_000)
})

describe('scripts/start says in one sentence that', () => {
  const starts = (cwd: string, env: Record<string, string> = {}) =>
    run(['scripts/start'], { cwd, env: { ...process.env, ...env } })

  test('PORT is not a port', async () => {
    const { code, err } = await starts(root, { PORT: 'banana' })
    expect([code, err]).toEqual([2, expect.stringContaining('start: got banana, expected a port')])
  })

  test('what was downloaded is not a clone, whose commit names the release', async () => {
    using folder = temporaryFolder()
    const clone = await cloneInto(folder.path)
    rmSync(join(clone, '.git'), { recursive: true })
    // Not even when a folder above is one.
    await succeed(['git', 'init', '--quiet', folder.path])
    const { code, err } = await starts(clone)
    expect(code).toBe(1)
    expect(err).toBe(
      `build: ${clone} is not a git clone with a commit, whose id names the release: git clone, or git init && git add --all && git commit\n`,
    )
  }, 60_000)

  test('the registry cannot be reached', async () => {
    using folder = temporaryFolder()
    const clone = join(folder.path, 'clone')
    await succeed(['git', 'clone', '--quiet', '--shared', root, clone])
    const unreachable = `#!/bin/sh
[ "$1" != --version ] || exec echo ${Bun.version}
echo "error: ConnectionRefused downloading package manifest hono" >&2
exit 1`
    stubCommand(folder.path, 'bun', unreachable)
    const { code, err } = await starts(clone, { PATH: `${folder.path}:${process.env.PATH}` })
    expect(code).toBe(1)
    expect(err.trimEnd().split('\n')).toEqual([
      expect.stringContaining('ConnectionRefused'),
      expect.stringContaining('the dependencies could not be installed: '),
    ])
  })
})

test.each(['ops', 'rollout'])(
  "scripts/%s does not look a verb up in an object's prototype",
  async (script) => {
    for (const verb of ['constructor', '__proto__', 'toString']) {
      const { code, err } = await run([`scripts/${script}`, verb], { cwd: root })
      expect([code, err]).toEqual([2, expect.stringContaining(`there is no verb '${verb}'`)])
    }
  },
)

describe('scripts/check', () => {
  test('says how to repair formatting, repairs it with --fix, and finds import cycles', async () => {
    using folder = temporaryFolder()
    const clone = await cloneInto(folder.path)
    const check = (...words: string[]) => run(['scripts/check', ...words], { cwd: clone })
    const untidy = join(clone, 'src/untidy.ts')
    writeFileSync(untidy, 'export   const one = "1"\n')
    for (const [one, other] of [
      ['left', 'right'],
      ['right', 'left'],
    ]) {
      const text = `import type { ${other} } from './${other}.ts'\n\nexport type ${one} = ${other} | 1\n`
      writeFileSync(join(clone, `src/telemetry/${one}.ts`), text)
    }
    const failing = await check()
    expect(failing.code).toBe(1)
    expect(failing.err).toContain('scripts/check --fix fixes')
    expect(failing.output).toContain('part of a cycle')
    await check('--fix')
    expect(readFileSync(untidy, 'utf8')).toBe("export const one = '1'\n")
    const wrong = await check('--repair')
    expect(wrong.code).toBe(2)
    expect(wrong.err).toBe(
      'check: got --repair, expected nothing or --fix (scripts/check --help)\n',
    )
  }, 300_000)
})

describe('scripts/test', () => {
  const lastLines = (out: string, count: number) => out.trimEnd().split('\n').slice(-count)

  test('fails when a test run or the build crashes, and runs the others', async () => {
    using folder = temporaryFolder()
    const clone = await cloneInto(folder.path)
    await succeed(['bash', '-c', 'rm test/*/unit/*; echo "@@@" >>src/main.ts'], { cwd: clone })
    const crash = "process.kill(process.pid, 'SIGKILL')"
    writeFileSync(join(clone, 'test/service/unit/crash.test.ts'), crash)
    const { code, out } = await run(['scripts/test', 'unit', 'binary/abuse'], { cwd: clone })
    expect(lastLines(out, 1)).toEqual(['0 passed, 2 failed, 0 skipped'])
    expect(out).toContain('failed: binary/abuse\nError: scripts/build failed:')
    expect(code).toBe(1)
  }, 300_000)

  test('says at the end which tests failed, with what error, and how to repeat them', async () => {
    using folder = temporaryFolder()
    const clone = await cloneInto(folder.path)
    await succeed(['bash', '-c', 'rm test/*/unit/*'], { cwd: clone })
    const failing =
      "import { expect, test } from 'bun:test'\ntest('a claim', () => expect(1).toBe(2))\n"
    writeFileSync(join(clone, 'test/service/unit/one.test.ts'), failing)
    const { code, out } = await run(['scripts/test', 'unit'], { cwd: clone })
    expect(out.split('\ntook ')[1]).toMatch(
      /failed: unit\nerror: expect[\s\S]*Received: 1[\s\S]*\(fail\) a claim.*\nto repeat: scripts\/test unit\n/,
    )
    expect(code).toBe(1)
  }, 300_000)

  test('says at the end what could not run, and why, and exits with 3', async () => {
    using folder = temporaryFolder()
    const clone = await cloneInto(folder.path)
    const bin = join(folder.path, 'bin')
    mkdirSync(bin)
    // Without Terraform on PATH.
    for (const tool of ['bash', 'cat', 'dirname', 'sed', 'uname', 'git'])
      symlinkSync(Bun.which(tool) as string, join(bin, tool))
    symlinkSync(process.execPath, join(bin, 'bun'))
    const env = { PATH: bin, HOME: folder.path }
    const { code, out } = await run(['scripts/test', 'terraform/timeouts'], { cwd: clone, env })
    expect(lastLines(out, 2)).toEqual([
      'left out: terraform/timeouts: missing: Terraform 1.11 or later, https://developer.hashicorp.com/terraform/install',
      '0 passed, 0 failed, 1 skipped',
    ])
    expect(code).toBe(3)
  }, 300_000)

  test('names the parts when it is asked for another', async () => {
    const { code, err } = await run(['scripts/test', 'nonsense'], { cwd: root })
    expect(err).toStartWith("test: got 'nonsense', expected --all, check, unit, ")
    expect(code).toBe(2)
  })
})

describe('Bun', () => {
  test('comes through npm at the pinned version, and is refused unless its checksum is listed', async () => {
    using folder = temporaryFolder()
    const clone = await cloneInto(folder.path)
    rmSync(join(clone, '.tools'), { recursive: true, force: true })
    const bin = join(folder.path, 'bin')
    mkdirSync(bin)
    const own =
      'bash sed mkdir mktemp rm dirname uname touch env ln cat mv chmod sha256sum tar gzip flock'
    for (const tool of own.split(' ')) symlinkSync(Bun.which(tool) as string, join(bin, tool))
    const packed = join(folder.path, 'package/bin')
    mkdirSync(packed, { recursive: true })
    symlinkSync(process.execPath, join(packed, 'bun'))
    // Stands in for the registry, which a test machine may not reach.
    stubCommand(
      bin,
      'npm',
      `#!/bin/bash\n[[ "$*" == *"@oven/bun-linux-"*"@${Bun.version}" ]] || exit 22\ntar -chC '${folder.path}' package | gzip -1 >bun.tgz\n`,
    )
    stubCommand(bin, 'dpkg-query', '#!/bin/bash\necho installed')
    const install = () =>
      run(['bash', '-c', 'source scripts/lib/shell/bun.sh && command -v bun && bun --version'], {
        cwd: clone,
        env: { PATH: bin, HOME: folder.path },
      })
    const done = await install()
    expect(done.err).toStartWith(`installing Bun ${Bun.version} for linux-`)
    expect(done.out).toBe(`${clone}/.tools/bun/bin/bun\n${Bun.version}\n`)
    rmSync(join(clone, '.tools'), { recursive: true })
    const sums = join(clone, 'scripts/lib/shell/bun.sha256')
    writeFileSync(sums, readFileSync(sums, 'utf8').replaceAll(/^./gm, 'x'))
    const refused = await install()
    expect(refused.err).toContain('is not the one in scripts/lib/shell/bun.sha256')
    expect(refused.code).toBe(1)
    expect(existsSync(join(clone, '.tools/bun/bin/bun'))).toBe(false)
  }, 300_000)

  test('is embedded in an executable only if its checksum is listed', async () => {
    using folder = temporaryFolder()
    const clone = await cloneInto(folder.path)
    writeFileSync(join(clone, 'scripts/lib/shell/bun.sha256'), '')
    const { err, code } = await run(['scripts/build'], { cwd: clone })
    expect(err).toContain('bun.sha256 lists no Bun for linux-')
    expect(code).toBe(1)
    expect(existsSync(join(clone, 'dist', 'SHA256SUMS'))).toBe(false)
  }, 300_000)
})

/** As GitHub turns them into anchors. */
const headingsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )

describe('the documents', () => {
  test('have no broken links', async () => {
    const { out } = await succeed(['git', 'ls-files', '*.md'], { cwd: root })
    for (const document of out.trim().split('\n')) {
      const text = await Bun.file(join(root, document)).text()
      const links = /(?:\]\(|src(?:set)?=")([^)"#:]*)(?:#([^)]+))?[)"]/g
      for (const [, path = '', heading] of text.matchAll(links)) {
        // GitHub serves these in addition to the files.
        if (path.startsWith('../../actions/')) continue
        const target = path ? join(root, dirname(document), path) : join(root, document)
        expect([document, path, existsSync(target)]).toEqual([document, path, true])
        if (heading) expect(headingsOf(await Bun.file(target).text())).toContain(heading)
      }
    }
  })
})
