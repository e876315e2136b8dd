import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { ConfigError, describeConfig, loadConfig } from '../../../src/config/config.ts'
import { SETTINGS } from '../../../src/config/settings.ts'
import { createToken } from '../../../src/config/tokens.ts'
import { temporaryFolder } from '../../lab/support/process.ts'

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
  ADVERTISE_ADDRESS: 'here',
  AWS_REGION: 'Frankfurt',
  STATE_DIRECTORY: '',
  RUNTIME_DIRECTORY: '',
  NOTIFY_SOCKET: 'run/notify',
  WATCHDOG_USEC: 'often',
}

describe('the configuration', () => {
  test('has defaults that run one machine without anything else', async () => {
    expect(await load({})).toMatchObject({
      bindAddress: '0.0.0.0',
      adminPort: 9464,
      timeZone: 'UTC',
      tokens: undefined,
      drainSeconds: 80,
      sqliteFile: `data/${name}.db`,
      redis: undefined,
      etcd: undefined,
    })
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
    ['a mistyped setting', { REDIS_ENDPIONT: 'a:1' }, /REDIS_ENDPIONT: there is no such setting/],
    [
      'a certificate without its key',
      { TLS_CERT_FILE: '/etc/hostname' },
      /TLS_CERT_FILE.*TLS_KEY_FILE/,
    ],
    [
      'a file that is not there',
      { TLS_CERT_FILE: '/no', TLS_KEY_FILE: '/no' },
      /TLS_CERT_FILE.*ENOENT/,
    ],
    [
      'a folder instead of a file',
      { REDIS_ENDPOINT: 'a:1', REDIS_TLS: 'true', REDIS_TLS_CA_FILE: '/etc' },
      /EISDIR/,
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
      'a secret that is empty',
      { REDIS_ENDPOINT: 'a:1', REDIS_PASSWORD: 'file:/dev/null' },
      /REDIS_PASSWORD: .* is empty/,
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

  test('requires tokens in every environment but local, unless AUTH=none', async () => {
    expect((await problemsOf({}, 'production')).join()).toMatch(/TOKENS.*production.*AUTH=none/)
    expect(await load({ AUTH: 'none' }, 'production')).toMatchObject({ tokens: undefined })
    const { entry } = createToken('write')
    expect((await load({ TOKENS: entry }, 'production')).tokens).toHaveLength(1)
  })

  test('reads a secret from a file', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'password')
    writeFileSync(file, 's3cret\n')
    const { redis } = await load({ REDIS_ENDPOINT: 'a:1', REDIS_PASSWORD: `file:${file}` })
    expect(redis?.password).toBe('s3cret')
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
    expect(describeConfig(secrets)).not.toContain('hunter2')
    expect(describeConfig({ TOKENS: `ssm:/${name}/tokens` })).toContain(
      `TOKENS=ssm:/${name}/tokens`,
    )
  })
})
