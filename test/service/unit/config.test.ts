import { describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { root } from '../../../scripts/lib/service.ts'
import {
  ConfigError,
  describeConfig,
  loadConfig,
  loadListener,
} from '../../../src/config/config.ts'
import { environmentExample, withSettingsTable } from '../../../src/config/documents.ts'
import { SETTINGS, type Setting } from '../../../src/config/settings.ts'
import { createToken } from '../../../src/config/tokens.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { makeCertificate } from '../../lab/support/tls.ts'

const load = (env: Record<string, string>, environment = 'local') =>
  loadConfig({ port: 5000, environment }, env)

async function problemsOf(env: Record<string, string>, environment?: string): Promise<string[]> {
  try {
    await load(env, environment)
  } catch (error) {
    if (error instanceof ConfigError) return [...error.problems]
    throw error
  }
  return []
}

const MALFORMED: Record<keyof typeof SETTINGS, string> = {
  BIND_ADDRESS: 'localhost:80',
  ADMIN_PORT: '65536',
  TIMEZONE: 'Europe/Atlantis',
  AUTH: 'maybe',
  TOKENS: 'write:abc',
  SECRETS_REREAD_SECONDS: '5m',
  TLS_CERT_FILE: '',
  TLS_KEY_FILE: '',
  DRAIN_SECONDS: '20s',
  REQUEST_TIMEOUT_SECONDS: '0',
  LOG_LEVEL: 'loud',
  INSTANCE_ID: 'i 123',
  REDIS_ENDPOINT: 'redis',
  REDIS_MODE: 'ring',
  REDIS_SENTINEL_MASTER: 'my master',
  REDIS_TLS: 'yes',
  REDIS_TLS_CA_FILE: '',
  REDIS_USERNAME: '',
  REDIS_PASSWORD: '',
  REDIS_WAIT_REPLICAS: '-1',
  REDIS_COMMAND_TIMEOUT_MS: '5000',
  ETCD_ENDPOINTS: 'etcd:2379',
  ETCD_PREFIX: name,
  ETCD_USERNAME: '',
  ETCD_PASSWORD: '',
  ETCD_LEASE_SECONDS: '1',
  ETCD_REDIS_HOSTS: 'a/b',
  ADVERTISE_ADDRESS: 'here',
  AWS_REGION: 'Frankfurt',
  STATE_DIRECTORY: '',
  RUNTIME_DIRECTORY: '',
  NOTIFY_SOCKET: 'run/notify',
  WATCHDOG_USEC: 'often',
}

const WELL_FORMED = {
  TOKENS: createToken('read').entry,
  AUTH: 'tokens',
  REDIS_ENDPOINT: 'a:1',
  REDIS_MODE: 'cluster',
  REDIS_SENTINEL_MASTER: 'master',
  REDIS_TLS: 'true',
  REDIS_USERNAME: 'u',
  REDIS_PASSWORD: 'p',
  REDIS_WAIT_REPLICAS: '1',
  ETCD_ENDPOINTS: 'http://e:1',
  ETCD_USERNAME: 'u',
  ETCD_PASSWORD: 'p',
  ETCD_REDIS_HOSTS: 'a',
  ADVERTISE_ADDRESS: 'x:1',
  AWS_REGION: 'eu-west-1',
  RUNTIME_DIRECTORY: '/run/x',
  NOTIFY_SOCKET: '/run/notify',
  WATCHDOG_USEC: '10000000',
}

describe('the configuration', () => {
  test('has defaults that run one machine without anything else', async () => {
    expect(await load({})).toEqual({
      port: 5000,
      environment: 'local',
      bindAddress: '0.0.0.0',
      adminPort: 9464,
      timezone: 'UTC',
      drainSeconds: 0,
      requestTimeoutSeconds: 5,
      instanceId: hostname(),
      logLevel: 'info',
      secretsRereadSeconds: 300,
      stateDirectory: './data',
    })
  })

  test('drains where there is a load balancer, and in local only when told to', async () => {
    expect(await load({ AUTH: 'none' }, 'production')).toMatchObject({ drainSeconds: 80 })
    expect(await load({ DRAIN_SECONDS: '7' })).toMatchObject({ drainSeconds: 7 })
    expect(describeConfig({}, 'local')).toContain('DRAIN_SECONDS=0\n')
    expect(describeConfig({}, 'production')).toContain('DRAIN_SECONDS=80\n')
  })

  test('has every setting under its name, or in the object of its family', async () => {
    using certificate = makeCertificate()
    const env = {
      ...WELL_FORMED,
      TLS_CERT_FILE: certificate.certFile,
      TLS_KEY_FILE: certificate.keyFile,
      REDIS_TLS_CA_FILE: certificate.certFile,
    }
    const config = (await load(env)) as unknown as Record<string, Record<string, unknown>>
    const camel = (name: string) =>
      name.toLowerCase().replace(/_(.)/g, (_, letter) => letter.toUpperCase())
    for (const setting of Object.keys(SETTINGS)) {
      const [, family, rest] = /^(REDIS|ETCD|TLS)_(.*)$/.exec(setting) ?? []
      const value =
        family && rest
          ? config[family.toLowerCase()]?.[camel(rest === 'ENDPOINT' ? 'ENDPOINTS' : rest)]
          : config[camel(setting)]
      expect([setting, value]).toEqual([setting, expect.anything()])
    }
    expect(config.redis).toMatchObject({ waitReplicas: 1, tls: true, mode: 'cluster' })
  })

  test.each(Object.entries(MALFORMED))('refuses %s=%j by name', async (name, value) => {
    const problems = await problemsOf({ [name]: value })
    expect(problems.filter((problem) => problem.startsWith(`${name}: `))).not.toBeEmpty()
  })

  test('reports every problem at once, with what it got and what it expected', async () => {
    const problems = await problemsOf(MALFORMED)
    for (const name of Object.keys(SETTINGS)) {
      const about = problems.filter((problem) => problem.startsWith(`${name}: `))
      expect(about).not.toBeEmpty()
      expect(about.join()).toContain('expected')
    }
  })

  test.each([
    ['two endpoints without a mode for them', { REDIS_ENDPOINT: 'a:1,b:2' }, /REDIS_ENDPOINT/],
    ['a Redis setting without Redis', { REDIS_MODE: 'cluster' }, /REDIS_MODE.*REDIS_ENDPOINT/],
    ['a user without a password', { REDIS_ENDPOINT: 'a:1', REDIS_USERNAME: 'u' }, /REDIS_USERNAME/],
    [
      'a certificate without its key',
      { TLS_CERT_FILE: '/etc/hostname' },
      /TLS_CERT_FILE.*TLS_KEY_FILE/,
    ],
    [
      'a key without its certificate',
      { TLS_KEY_FILE: '/etc/hostname' },
      /TLS_KEY_FILE.*TLS_CERT_FILE/,
    ],
    [
      'a user of etcd without a password',
      { ETCD_ENDPOINTS: 'http://e:1', ETCD_USERNAME: 'u' },
      /ETCD_USERNAME.*ETCD_PASSWORD/,
    ],
    [
      "etcd's password without a user",
      { ETCD_ENDPOINTS: 'http://e:1', ETCD_PASSWORD: 'p' },
      /ETCD_PASSWORD.*ETCD_USERNAME/,
    ],
    ['a setting of etcd without etcd', { ETCD_PREFIX: '/x' }, /ETCD_PREFIX.*ETCD_ENDPOINTS/],
    [
      'a file that is not there',
      { TLS_CERT_FILE: '/no', TLS_KEY_FILE: '/no' },
      /TLS_CERT_FILE.*ENOENT/,
    ],
    [
      'a folder instead of a file',
      { REDIS_ENDPOINT: 'a:1', REDIS_TLS: 'true', REDIS_TLS_CA_FILE: '/etc' },
      /REDIS_TLS_CA_FILE: got "\/etc" \(not a regular file\)/,
    ],
    [
      'a file that is not a certificate',
      { TLS_CERT_FILE: '/etc/hostname', TLS_KEY_FILE: '/etc/hostname' },
      /TLS_KEY_FILE.*private key/,
    ],
    [
      'a CA without TLS',
      { REDIS_ENDPOINT: 'a:1', REDIS_TLS: 'false', REDIS_TLS_CA_FILE: '/etc/hostname' },
      /REDIS_TLS must be true/,
    ],
    [
      'ports that do not exist',
      { ETCD_ENDPOINTS: 'http://x:99999', ADVERTISE_ADDRESS: 'x:99999' },
      /ETCD_ENDPOINTS: got.*\nADVERTISE_ADDRESS: got/,
    ],
    ['an offset as a time zone', { TIMEZONE: '+01:00' }, /TIMEZONE/],
    ['an admin port that is the port of the service', { ADMIN_PORT: '5000' }, /ADMIN_PORT/],
    ['AUTH=tokens without any', { AUTH: 'tokens' }, /TOKENS/],
    ['tokens and AUTH=none', { AUTH: 'none', TOKENS: createToken('read').entry }, /AUTH/],
    [
      'a secret file that is not there',
      { TOKENS: 'file:/no/where' },
      /TOKENS: cannot read .*ENOENT/,
    ],
  ])('refuses %s', async (_, env, problem) => {
    expect((await problemsOf(env as Record<string, string>)).join('\n')).toMatch(problem)
  })

  test.each([
    ['REDIS_ENDPIONT', 'REDIS_ENDPOINT'],
    ['REDIS_TIMEOUT', 'there is no such setting'],
    ['ETCD_HOSTS', 'there is no such setting'],
    ['TLS_CERT', 'there is no such setting'],
    ['DRAIN_SECOND', 'DRAIN_SECONDS'],
    ['DRIAN_SECONDS', 'DRAIN_SECONDS'],
    ['DRAIN_MS', 'there is no such setting'],
    ['TOKEN', 'TOKENS'],
    ['TIME_ZONE', 'TIMEZONE'],
    ['timezone', 'TIMEZONE'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['LOG_FORMAT', 'there is no such setting'],
    ['AUHT', 'AUTH'],
    ['BIND_ADRESS', 'BIND_ADDRESS'],
    ['REQUEST_TIMEOUT_MS', 'there is no such setting'],
    ['ADVERTISE_ADDR', 'there is no such setting'],
    ['AWS_REGOIN', 'AWS_REGION'],
    ['RIDES_ENDPOINT', 'REDIS_ENDPOINT'],
    ['REDSI_USERNAEM', 'REDIS_USERNAME'],
    ['LOG_LEVELSS', 'LOG_LEVEL'],
  ])('refuses %s, which is no setting: %s', async (variable, hint) => {
    expect(await problemsOf({ [variable]: 'x' })).toEqual([
      expect.stringMatching(new RegExp(`^${variable}: there is no such setting.*`)),
    ])
    expect((await problemsOf({ [variable]: 'x' })).join()).toContain(hint)
  })

  test('leaves variables of others alone', async () => {
    const others = [
      ...['PATH', 'HOME', 'USER', 'LOGNAME', 'TZ', 'TERM', 'PORT', 'ENVIRONMENT', 'WORKERS'],
      ...['AWS_ACCESS_KEY_ID', 'AWS_DEFAULT_REGION', 'HTTP_PROXY', 'NO_PROXY', 'TZDIR'],
      ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'OAUTH'],
      ...['STATE_OF_MIND', 'RUNTIME_ENGINE', 'NOTIFY_ME', 'AUTHS2', 'REDS_POD', 'LEVEL_LOG'],
      ...['WATCHDOG_PID', 'INVOCATION_ID', 'CONFIGURATION_DIRECTORY', 'LOGS_DIRECTORY'],
      ...['CREDENTIALS_DIRECTORY', 'SYSTEMD_EXEC_PID', 'JOURNAL_STREAM', 'toString', 'constructor'],
    ]
    expect(await problemsOf(Object.fromEntries(others.map((other) => [other, 'x'])))).toEqual([])
  })

  test.each(['us-gov-west-1', 'eusc-de-east-1', 'us-isob-east-1', 'eu-isoe-west-1', 'cn-north-1'])(
    'accepts AWS_REGION=%s',
    async (region) => expect(await problemsOf({ AWS_REGION: region })).toEqual([]),
  )

  test.each([
    'redis://app:hunter2@host:6379',
    'app:hunter2@host:6379',
    ':hunter2@host',
    'rediss://app:a@hunter2@host:1,b:2',
    'redis://host:1?password=hunter2',
    'b:2,\nredis://app:hunter2@host',
  ])('shows no password that stands in an endpoint, as in %j', async (text) => {
    for (const name of ['REDIS_ENDPOINT', 'ETCD_ENDPOINTS', 'ADVERTISE_ADDRESS', 'TIMEZONE']) {
      const problems = (await problemsOf({ [name]: text })).join()
      expect(problems).toMatch(new RegExp(`^${name}: got ".*…`))
      expect(problems).not.toContain('hunter2')
    }
  })

  test('shows no more than 200 characters of a value', async () => {
    const [problem = ''] = await problemsOf({ TIMEZONE: 'x'.repeat(201) })
    expect(problem).toContain(`"${'x'.repeat(200)}"`)
  })

  test("gives the store's password only to hosts that it names itself, over TLS, when etcd says where the store is", async () => {
    const env = { ETCD_ENDPOINTS: 'http://e:1', REDIS_PASSWORD: 'x' }
    expect(await problemsOf(env)).toEqual([
      'REDIS_PASSWORD: is set, so ETCD_REDIS_HOSTS must be set too',
      'REDIS_PASSWORD: is set along with ETCD_ENDPOINTS, so REDIS_TLS must be true',
    ])
    const allowed = { ...env, REDIS_TLS: 'true', ETCD_REDIS_HOSTS: '*.Example.com' }
    expect((await load(allowed)).etcd?.redisHosts).toEqual(['*.example.com'])
    expect(await problemsOf({ ...allowed, ETCD_REDIS_HOSTS: '*.' })).toHaveLength(1)
  })

  test('of a healthcheck reads no secret, and only what it needs', async () => {
    const env = { REDIS_PASSWORD: 'file:/nonexistent', DRAIN_SECONDS: 'x', BIND_ADDRESS: '::1' }
    const command = { port: 1, environment: 'production' }
    expect(await loadListener(command, env)).toMatchObject({ port: 1, bindAddress: '::1' })
    expect(loadListener(command, { BIND_ADDRESS: 'x' })).rejects.toThrow('BIND_ADDRESS: got "x"')
  })

  test('refuses a key that is not that of the certificate', async () => {
    using one = makeCertificate()
    using other = makeCertificate()
    const env = { TLS_CERT_FILE: one.certFile, TLS_KEY_FILE: other.keyFile }
    expect(await problemsOf(env)).toEqual([expect.stringContaining('the key of another')])
    expect(await problemsOf({ ...env, TLS_KEY_FILE: one.keyFile })).toEqual([])
  })

  test('requires tokens in every environment but local, unless AUTH=none', async () => {
    expect((await problemsOf({}, 'production')).join()).toMatch(/TOKENS.*production.*AUTH=none/)
    expect((await load({ AUTH: 'none' }, 'production')).tokens).toBeUndefined()
    const { entry } = createToken('write')
    expect((await load({ TOKENS: entry }, 'production')).tokens).toHaveLength(1)
  })

  test('reads a secret from a file', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'password')
    writeFileSync(file, 's3cret\n')
    const { redis } = await load({ REDIS_ENDPOINT: 'a:1', REDIS_PASSWORD: `file:${file}` })
    expect(redis?.password).toBe('s3cret')
    writeFileSync(file, '\n')
    expect(await problemsOf({ REDIS_ENDPOINT: 'a:1', REDIS_PASSWORD: `file:${file}` })).toEqual([
      `REDIS_PASSWORD: file:${file} is empty`,
    ])
  })

  test('reads at most a mebibyte, and no device or pipe, which could be without an end', async () => {
    using folder = temporaryFolder()
    const [pipe, large] = [join(folder.path, 'pipe'), join(folder.path, 'large')]
    Bun.spawnSync(['mkfifo', pipe])
    writeFileSync(large, 'x'.repeat(1024 ** 2))
    const whole = await load({ REDIS_ENDPOINT: 'a:1', REDIS_PASSWORD: `file:${large}` })
    expect(whole.redis?.password).toHaveLength(1024 ** 2)
    writeFileSync(large, 'x'.repeat(1024 ** 2 + 1))
    for (const [path, reason] of [
      ['/dev/zero', 'not a regular file'],
      [pipe, 'not a regular file'],
      [large, 'more than 1048576 bytes'],
    ] as const) {
      const env = {
        TOKENS: `file:${path}`,
        REDIS_ENDPOINT: 'a:1',
        REDIS_TLS: 'true',
        REDIS_TLS_CA_FILE: path,
        REDIS_PASSWORD: `file:${path}`,
        TLS_CERT_FILE: path,
        TLS_KEY_FILE: path,
      }
      const problems = await problemsOf(env)
      expect(problems.filter((problem) => problem.includes(reason))).toHaveLength(5)
    }
  })

  test('understands IPv6 endpoints and lists of them', async () => {
    const { redis } = await load({
      REDIS_ENDPOINT: '[::1]:6379,b.example:1',
      REDIS_MODE: 'cluster',
    })
    expect(redis?.endpoints).toEqual([
      { host: '::1', port: 6379 },
      { host: 'b.example', port: 1 },
    ])
  })

  test('never shows a secret, neither in a problem nor when printed', async () => {
    const secrets = { TOKENS: 'write:hunter2', REDIS_PASSWORD: 'hunter2', ETCD_PASSWORD: 'hunter2' }
    expect((await problemsOf(secrets)).join()).not.toContain('hunter2')
    expect(describeConfig(secrets, 'local')).not.toContain('hunter2')
    expect(describeConfig({ STATE_DIRECTORY: '/a\nb\x1b[2J' }, 'local')).toContain(
      'STATE_DIRECTORY=/a\\u{a}b\\u{1b}[2J\n',
    )
    expect(describeConfig({ TOKENS: `ssm:/${name}/tokens` }, 'local')).toContain(
      `TOKENS=ssm:/${name}/tokens`,
    )
  })
})

// bun src/config/documents.ts writes both.
test('src/README.md and systemd/app.env.example say what the settings say', () => {
  const read = (path: string) => readFileSync(join(root, path), 'utf8')
  expect(read('systemd/app.env.example')).toBe(environmentExample())
  const readme = read('src/README.md')
  expect(withSettingsTable(readme)).toBe(readme)
  for (const setting of Object.keys(SETTINGS)) expect(readme).toContain(`| \`${setting}\` |`)
})

test.each(Object.entries<Setting<unknown>>(SETTINGS))(
  'the example and the defaults of %s are values that it accepts',
  (_, { example, fallback, locally, parse, secret }) => {
    const texts = [secret ? undefined : example?.replace('NAME', name), fallback, locally]
    for (const text of texts) if (text !== undefined) expect(parse(text)).toBeDefined()
  },
)
