import { describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { config, name as service } from '../../../package.json'
import { root } from '../../../scripts/lib/service.ts'
import { run, succeed } from '../../lab/support/command.ts'
import {
  executable,
  healthy,
  runExecutable,
  save,
  startService,
} from '../../lab/support/executable.ts'
import { temporaryFolder } from '../../lab/support/process.ts'

describe('the command line', () => {
  test('--version prints the release, its time and the Bun version', async () => {
    const { out, code } = await runExecutable(['--version'])
    expect(out).toMatch(
      new RegExp(
        `^${service} [0-9a-f]{40}(-dirty)? built \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ bun \\d+\\.\\d+\\.\\d+\\n$`,
      ),
    )
    expect(code).toBe(0)
  })

  test('--help prints the usage', async () => {
    const { out, code } = await runExecutable(['--help'])
    expect(out).toStartWith(`usage: ${service} [PORT] [ENVIRONMENT]`)
    expect(code).toBe(0)
  })

  test.each([[['banana']], [['5000', 'local', 'x']], [['--inspect']], [['token', 'root']]])(
    '%j prints the reason and then the usage on stderr, and exits with 2',
    async (args) => {
      const { out, err, code } = await runExecutable(args)
      expect(code).toBe(2)
      expect(out).toBe('')
      expect(err).toMatch(new RegExp(`^${service}: got .*\\n\\nusage: (?:.*\\n)+$`))
    },
  )

  test('reports all invalid settings at once, without a stack trace, and exits with 78', async () => {
    const env = { DRAIN_SECONDS: 'long', TIMEZONE: 'Mars', REDIS_ENDPOINT: 'x', ADMIN_PORT: '-1' }
    const { err, code } = await runExecutable(['0', 'production'], { env })
    expect(code).toBe(78)
    const lines = err.trimEnd().split('\n')
    expect(lines).toHaveLength(5)
    for (const name of [...Object.keys(env), 'TOKENS']) {
      expect(lines.some((line) => line.startsWith(`${service}: ${name}: `))).toBe(true)
    }
    expect(err).not.toContain(' at ')
  })

  test('reports what cannot be opened in one sentence, and exits with 1', async () => {
    await using other = await startService()
    const port = new URL(other.adminUrl).port
    const { err, code } = await runExecutable(['0'], {
      env: { ADMIN_PORT: port, STATE_DIRECTORY: other.folder },
    })
    expect(code).toBe(1)
    expect(err).toBe(
      `${service}: cannot start: ADMIN_PORT: ${port} is taken by another process, expected a free port (0 picks one)\n`,
    )
    using squatter = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
    const taken = await runExecutable([String(squatter.port)], {
      env: { ADMIN_PORT: '0', BIND_ADDRESS: '127.0.0.1', STATE_DIRECTORY: other.folder },
    })
    expect(taken.err).toStartWith(`${service}: cannot start: PORT: ${squatter.port} is taken by `)
    const foreign = await runExecutable(['0'], {
      env: { ADMIN_PORT: '0', BIND_ADDRESS: '192.0.2.7', STATE_DIRECTORY: other.folder },
    })
    expect(foreign.err).toStartWith(
      `${service}: cannot start: BIND_ADDRESS: 192.0.2.7 is not an address `,
    )
    const unwritable = await runExecutable(['0'], {
      env: { ADMIN_PORT: '0', STATE_DIRECTORY: '/proc/none' },
    })
    expect(unwritable.code).toBe(1)
    expect(unwritable.err).toMatch(new RegExp(`^${service}: cannot start: .*/proc/none.*\\n$`))
  })

  test('token creates a token that the service accepts', async () => {
    const { out } = await runExecutable(['token', 'write'])
    const [, token, entry] = /^token {3}(\S+)\nTOKENS {2}(\S+)\n$/.exec(out) ?? []
    await using service = await startService({ TOKENS: entry ?? '' }, { environment: 'production' })
    await healthy(service)
    expect((await save(service.url)).status).toBe(401)
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }
    expect((await save(service.url, { headers })).status).toBe(204)
    expect(JSON.stringify(await service.log())).not.toContain(token as string)
  })

  test('config prints the settings but no secret', async () => {
    const env = { REDIS_ENDPOINT: 'redis.example:6379', REDIS_PASSWORD: 'hunter2' }
    const { out, code } = await runExecutable(['config'], { env })
    expect(code).toBe(0)
    expect(out).toContain('REDIS_ENDPOINT=redis.example:6379\n')
    expect(out).toContain('REDIS_PASSWORD=(a secret)\n')
    expect(out).not.toContain('hunter2')
  })

  /** Runs the executable with `redirection` in a shell. */
  const redirected = (redirection: string, args: string[], env = {}) =>
    run(['bash', '-c', `"$@" ${redirection}`, 'bash', executable, ...args], { env })

  test.each(['--help', '--version', 'token', 'config', 'sbom', 'licenses'])(
    '%s fails, and says why, when its output does not fit on the disk',
    async (verb) => {
      expect(await redirected('>/dev/full', [verb])).toMatchObject({
        code: 1,
        err: `${service}: cannot write to standard output: ENOSPC: no space left on device, write\n`,
      })
    },
  )

  // src/README.md says so. When this fails, Bun no longer opens /dev/null in its place: take the sentence there back.
  test('an output that is closed is lost without an error', async () => {
    expect(await redirected('>&-', ['--version'])).toMatchObject({ code: 0, err: '' })
  })

  test('what comes from outside is printed on one line, with its control characters as numbers', async () => {
    const hostile = 'a\n\x1b]0;b\x07\u202ec'
    const plain = 'a\\u{a}\\u{1b}]0;b\\u{7}\\u{202e}c'
    using server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Response(hostile + 'x'.repeat(1e6)),
    })
    const { err: usage } = await runExecutable([hostile])
    expect(usage).toStartWith(
      `${service}: got ${plain}, expected a command or a port from 0 to 65535\n`,
    )
    const env = { STATE_DIRECTORY: `/none/${hostile}` }
    expect((await runExecutable(['export'], { env })).err).toStartWith(
      `${service}: there is no store at /none/${plain}/`,
    )
    expect((await runExecutable(['config'], { env })).out).toContain(
      `\nSTATE_DIRECTORY=/none/${plain}\n`,
    )
    const { out } = await runExecutable(['healthcheck', String(server.port)])
    expect(out).toContain(` 200 ${plain}xxx`)
    expect(out.length).toBeLessThan(300)
  })

  test('healthcheck exits with 0 when healthy, else with 1', async () => {
    await using service = await startService()
    await healthy(service)
    const { port } = new URL(service.url)
    expect(await runExecutable(['healthcheck', port])).toMatchObject({ code: 0 })
    expect(await redirected('>/dev/full', ['healthcheck', port])).toMatchObject({ code: 0 })
    service.child.kill('SIGKILL')
    await service.child.exited
    expect(await runExecutable(['healthcheck', port])).toMatchObject({ code: 1, err: '' })
    using elsewhere = Bun.serve({
      port: 0,
      fetch: ({ url }) => (url.endsWith('/hc') ? Response.redirect('/') : new Response('fine')),
    })
    const there = String(elsewhere.port)
    expect(await runExecutable(['healthcheck', there])).toMatchObject({ code: 1, err: '' })
  })
})

describe('the executable', () => {
  test('ignores files next to it and variables that Bun would obey', async () => {
    using folder = temporaryFolder()
    const marker = join(folder.path, 'ran')
    const hostile = `require('node:fs').writeFileSync(${JSON.stringify(marker)}, '')`
    writeFileSync(join(folder.path, '.env'), 'ADMIN_PORT=banana\nAUTH=banana\n')
    writeFileSync(join(folder.path, 'bunfig.toml'), 'preload = ["./hostile.js"]\n')
    writeFileSync(join(folder.path, 'hostile.js'), hostile)
    writeFileSync(join(folder.path, 'package.json'), '{"main":"hostile.js"}')
    writeFileSync(join(folder.path, 'tsconfig.json'), '{ not json')
    const env = {
      BUN_OPTIONS: `--preload ${join(folder.path, 'hostile.js')}`,
      NODE_OPTIONS: '--inspect',
    }
    const plain = await runExecutable(['config'], { cwd: folder.path })
    expect(plain.code).toBe(0)
    expect(plain.out).toContain(`ADMIN_PORT=${config.adminPort}\n`)
    await runExecutable(['config'], { cwd: folder.path, env })
    expect(await Bun.file(marker).exists()).toBe(false)
  })

  test('runs no code from strings', async () => {
    const bytes = await Bun.file(executable).bytes()
    expect(
      Buffer.from(bytes.buffer).includes('--disallow-code-generation-from-strings=strict'),
    ).toBe(true)
  })

  test('does not depend on where it was built', async () => {
    const bytes = await Bun.file(executable).bytes()
    expect(Buffer.from(bytes.buffer).includes(root)).toBe(false)
  })

  test('is byte-identical when one commit is built twice, and says dirty when the tree is', async () => {
    using folder = temporaryFolder()
    const clone = join(folder.path, 'clone')
    await succeed(['git', 'clone', '--quiet', '--shared', root, clone])
    const build = async () => {
      const { out } = await succeed(['scripts/build'], { cwd: clone })
      return { out, sums: readFileSync(join(clone, 'dist/SHA256SUMS'), 'utf8') }
    }
    const first = await build()
    expect(await build()).toEqual(first)
    expect(first.sums).toMatch(
      new RegExp(
        `^[0-9a-f]{64} {2}${service}-linux-(x64|arm64)\\n[0-9a-f]{64} {2}${service}-linux-\\1\\.cdx\\.json\\n$`,
      ),
    )
    expect(first.out).not.toContain('dirty')
    writeFileSync(join(clone, 'src', 'stray.ts'), '')
    expect((await build()).out).toMatch(/^release [0-9a-f]{40}-dirty/)
  }, 120_000)
})
