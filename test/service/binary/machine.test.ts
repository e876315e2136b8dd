import { describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { root } from '../../../scripts/lib/service.ts'
import { createToken } from '../../../src/config/tokens.ts'
import { EXECUTABLE_TZDATA } from '../../../src/time-zone.ts'
import { run } from '../../lab/support/command.ts'
import {
  executable,
  healthy,
  runExecutable,
  save,
  startService,
} from '../../lab/support/executable.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { startParameterStore } from '../../lab/support/parameter-store.ts'
import { eventually, temporaryFolder } from '../../lab/support/process.ts'
import { makeCertificate } from '../../lab/support/tls.ts'
import { machineWithTzdata } from '../../lab/support/tzdata.ts'

const isRoot = process.getuid?.() === 0

/** Records what it is asked, and never answers. */
function startSilent() {
  const asked = Promise.withResolvers<void>()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch() {
      asked.resolve()
      return new Promise<Response>(() => {})
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    asked: asked.promise,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

describe('a proxy in the environment', () => {
  const VARIABLES = [
    'HTTP_PROXY',
    'http_proxy',
    'HTTPS_PROXY',
    'https_proxy',
    'ALL_PROXY',
    'all_proxy',
  ]

  function startProxy() {
    const asked: string[] = []
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch({ url }) {
        asked.push(url)
        return new Response('proxied', { status: 502 })
      },
    })
    const proxy = `http://127.0.0.1:${server.port}`
    return {
      asked,
      env: Object.fromEntries(VARIABLES.map((variable) => [variable, proxy])),
      [Symbol.asyncDispose]: () => server.stop(true),
    }
  }

  test.each(['http', 'https'])(
    'is not used to check the health of the service over %s',
    async (scheme) => {
      using certificate = makeCertificate()
      await using proxy = startProxy()
      const tls = { TLS_CERT_FILE: certificate.certFile, TLS_KEY_FILE: certificate.keyFile }
      const env = scheme === 'https' ? tls : {}
      await using service = await startService({ ...env, ...proxy.env })
      const { port } = new URL(service.url)
      await eventually(
        'the service is healthy',
        async () =>
          (await runExecutable(['healthcheck', port], { env: { ...env, ...proxy.env } })).code ===
          0,
      )
      expect(proxy.asked).toEqual([])
      // Over the other scheme it cannot be.
      if (scheme === 'https') expect((await runExecutable(['healthcheck', port])).code).toBe(1)
    },
  )

  test('is not used to reach etcd', async () => {
    await using proxy = startProxy()
    await using etcd = startSilent()
    await using _service = await startService({ ...proxy.env, ETCD_ENDPOINTS: etcd.url })
    await etcd.asked
    expect(proxy.asked).toEqual([])
  })
})

test('healthcheck needs no secret', async () => {
  await using service = await startService()
  await healthy(service)
  const { port } = new URL(service.url)
  const env = { REDIS_PASSWORD: 'file:/nonexistent', TOKENS: 'ssm:/none' }
  expect(await runExecutable(['healthcheck', port], { env })).toMatchObject({ code: 0, err: '' })
})

describe('a signal', () => {
  // As the first process of a namespace, which the kernel protects from signals that it does not handle.
  const namespace = ['unshare', ...(isRoot ? [] : ['--user', '--map-root-user']), '--pid', '--fork']
  const cannot = Bun.spawnSync([...namespace, 'true']).success
    ? undefined
    : 'unshare is not allowed'
  sayWhatIsLeftOut('signals to PID 1', cannot)

  /** The service's own process below `unshare`. */
  const childOf = (pid: number) =>
    Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())

  test.each(['SIGTERM', 'SIGINT'] as const)('%s while it starts is obeyed', async (signal) => {
    await using secrets = startSilent()
    const child = Bun.spawn([executable, '0'], {
      env: { TOKENS: 'ssm:/one', AWS_ENDPOINT_URL: secrets.url, ...AWS },
    })
    await secrets.asked
    child.kill(signal)
    expect(await child.exited).toBe(0)
  })

  test.skipIf(cannot !== undefined)(
    'SIGTERM is obeyed by PID 1, while it starts and afterwards',
    async () => {
      await using secrets = startSilent()
      const starting = Bun.spawn([...namespace, executable, '0'], {
        env: { PATH: process.env.PATH, TOKENS: 'ssm:/one', AWS_ENDPOINT_URL: secrets.url, ...AWS },
      })
      await secrets.asked
      process.kill(childOf(starting.pid), 'SIGTERM')
      expect(await starting.exited).toBe(0)

      await using service = await startService({}, { under: namespace })
      process.kill(childOf(service.child.pid), 'SIGTERM')
      expect(await service.child.exited).toBe(0)
    },
  )

  test('SIGHUP, which asks for the secrets to be read again, never ends it, not even while it starts', async () => {
    const { token, entry } = createToken('write')
    using parameters = startParameterStore({ '/one': entry })
    await using secrets = startSilent()
    const starting = Bun.spawn([executable, '0'], {
      env: { TOKENS: 'ssm:/one', AWS_ENDPOINT_URL: secrets.url, ...AWS },
    })
    await secrets.asked
    starting.kill('SIGHUP')
    starting.kill('SIGTERM')
    expect(await starting.exited).toBe(0)

    const env = { TOKENS: 'ssm:/one', AWS_ENDPOINT_URL: String(parameters.url), ...AWS }
    await using service = await startService(env)
    for (let times = 0; times < 3; times++) service.child.kill('SIGHUP')
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    expect((await save(service.url, { headers })).status).toBe(204)
    service.child.kill('SIGTERM')
    expect(await service.child.exited).toBe(0)
  })

  test('is handled before all other code is loaded', async () => {
    using folder = temporaryFolder()
    const preload = join(folder.path, 'preload.ts')
    // The module sends both while it is loaded, and never is.
    const slow = `for (const signal of ['SIGHUP', 'SIGTERM']) process.kill(process.pid, signal)
      setInterval(() => {}, 1000)
      await new Promise(() => {})
      export const createLog = 0, LOG_LEVELS = []`
    writeFileSync(
      preload,
      `Bun.plugin({ name: 'slow', setup(build) {
        build.onLoad({ filter: /telemetry.log\\.ts$/ }, () => ({ contents: ${JSON.stringify(slow)}, loader: 'ts' }))
      } })`,
    )
    const command = [process.execPath, '--preload', preload, join(root, 'src/main.ts'), '0']
    expect((await run(command, { env: {} })).code).toBe(0)
  })

  test('SIGTERM in local does not drain, where no load balancer could notice', async () => {
    await using service = await startService({ DRAIN_SECONDS: undefined })
    service.child.kill('SIGTERM')
    expect(await service.child.exited).toBe(0)
    const stopping = (await service.log()).find(({ event }) => event === 'stopping')
    expect(stopping).toMatchObject({ drainSeconds: 0 })
  })
})

test('a parameter store that never answers is waited for no longer than 10 s', async () => {
  await using secrets = startSilent()
  const env = { TOKENS: 'ssm:/one', AWS_ENDPOINT_URL: secrets.url, ...AWS }
  expect(await runExecutable(['config'], { env })).toMatchObject({
    code: 78,
    err: `${name}: TOKENS: cannot read the SSM parameter /one: no answer within 10 s\n`,
  })
}, 60_000)

const AWS = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }

describe('TIMEZONE', () => {
  test.each([
    ['2099z', '2099z', 'this machine'],
    ['2001a', EXECUTABLE_TZDATA, 'the executable'],
  ])(
    "is by the newest rules: with the machine's tzdata of %s, by %s of %s",
    async (release, used, from) => {
      using machine = machineWithTzdata(release)
      await using service = await startService(machine.env)
      await healthy(service)
      const metrics = await (await fetch(`${service.adminUrl}/metrics`)).text()
      expect(metrics).toContain(
        `time_zone_info{zone="Africa/Casablanca",tzdata="${used}",from="${from}"} 1\n`,
      )
      const { out } = await runExecutable(['config'], { env: machine.env })
      expect(out).toContain(`# TIMEZONE is by tzdata ${used} of ${from}\n`)
    },
  )

  test('has the rules that the executable says it has', async () => {
    const bytes = Buffer.from(await Bun.file(executable).arrayBuffer())
    // ICU keeps their release as UTF-16, in its data.
    expect(bytes.includes(Buffer.from(`\0${EXECUTABLE_TZDATA}\0`, 'utf16le'))).toBe(true)
  })
})

test('a certificate that has expired is said once, and the metrics say since when', async () => {
  using expired = makeCertificate({ expired: true })
  await using service = await startService({
    TLS_CERT_FILE: expired.certFile,
    TLS_KEY_FILE: expired.keyFile,
  })
  const said = (await service.log()).filter(({ event }) => event === 'certificate-expired')
  expect(said).toMatchObject([{ level: 'warn', certFile: expired.certFile }])
  const metrics = await (await fetch(`${service.adminUrl}/metrics`)).text()
  const [, expiry] = /^tls_certificate_expiry_timestamp_seconds (\S+)$/m.exec(metrics) ?? []
  expect(Number(expiry) * 1000).toBe(Date.parse(String(said[0]?.expiredAt)))
})

test('a low limit of open files is said once', async () => {
  await using service = await startService(
    {},
    { under: ['bash', '-c', 'ulimit -n 60; exec "$@"', 'bash'] },
  )
  const lines = (await service.log()).filter(({ event }) => event === 'few-open-files')
  expect(lines).toMatchObject([{ level: 'warn', limit: 60, expected: 1024 }])
  await using enough = await startService()
  expect((await enough.log()).map(({ event }) => event)).not.toContain('few-open-files')
})

// src/README.md and SECURITY.md say so. When this fails, Bun no longer obeys it: take the sentences back.
test('whoever sets BUN_BE_BUN=1 runs whatever they like with the executable', async () => {
  const { out } = await runExecutable(['-e', 'console.log(6 * 7)'], { env: { BUN_BE_BUN: '1' } })
  expect(out).toBe('42\n')
})
