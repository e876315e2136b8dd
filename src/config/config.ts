import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { name } from '../../package.json'
import { resolveSecret } from './secrets.ts'
import { type Endpoint, SETTINGS, type Setting, type SettingName, type Values } from './settings.ts'
import { parseTokenHashes, type TokenHash } from './tokens.ts'

export interface RedisConfig {
  mode: 'standalone' | 'sentinel' | 'cluster'
  endpoints: Endpoint[]
  sentinelMaster: string
  tls: boolean
  tlsCaFile?: string
  username?: string
  password?: string
  waitReplicas: number
  commandTimeoutMs: number
}

export interface EtcdConfig {
  endpoints: string[]
  prefix: string
  username?: string
  password?: string
  leaseSeconds: number
  /** Where others can reach this instance, `host:port`. */
  advertiseAddress: string
}

export interface Config {
  port: number
  environment: string
  instance: string
  bindAddress: string
  adminPort: number
  timeZone: string
  /** Undefined: no token is required. Replaced when the secrets are read again. */
  tokens: TokenHash[] | undefined
  /** How often the secrets are read again; 0: only when asked. */
  secretsRereadSeconds: number
  tls: { certFile: string; keyFile: string } | undefined
  drainSeconds: number
  requestTimeoutSeconds: number
  logLevel: Values['LOG_LEVEL']
  sqliteFile: string
  /** Undefined without REDIS_ENDPOINT and ETCD_ENDPOINTS: the store is the SQLite file. With etcd, `endpoints` may be empty. */
  redis: RedisConfig | undefined
  etcd: EtcdConfig | undefined
  latchFile: string | undefined
  notifySocket: string | undefined
  watchdogMs: number | undefined
}

type Environment = Record<string, string | undefined>

/** Everything that is wrong with the environment, one sentence each. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'))
  }
}

/**
 * Reads and validates the whole environment, and the secrets it refers to.
 * Throws `ConfigError` with every problem; a malformed value is never replaced by a default.
 */
export async function loadConfig(
  { port, environment }: { port: number; environment: string },
  env: Environment,
): Promise<Config> {
  const problems = [...misspelled(env)]
  const values = readValues(env, problems)
  problems.push(...contradictions(values, env, port, environment), ...unusableFiles(values))
  const secrets = await resolveSecrets(values, problems)
  const tokens = secrets.TOKENS === undefined ? undefined : parseTokenHashes(secrets.TOKENS)
  if (secrets.TOKENS !== undefined && !tokens?.length) {
    problems.push(`TOKENS: got something else, expected ${SETTINGS.TOKENS.wants}`)
  }
  if (problems.length > 0) throw new ConfigError(problems)

  const stateDirectory = values.STATE_DIRECTORY.split(':')[0] as string
  return {
    port,
    environment,
    instance: values.INSTANCE_ID ?? hostname(),
    bindAddress: values.BIND_ADDRESS,
    adminPort: values.ADMIN_PORT,
    timeZone: values.TIMEZONE,
    tokens: values.AUTH === 'none' ? undefined : tokens,
    secretsRereadSeconds: values.SECRETS_REREAD_SECONDS,
    tls:
      values.TLS_CERT_FILE && values.TLS_KEY_FILE
        ? { certFile: values.TLS_CERT_FILE, keyFile: values.TLS_KEY_FILE }
        : undefined,
    drainSeconds: values.DRAIN_SECONDS,
    requestTimeoutSeconds: values.REQUEST_TIMEOUT_SECONDS,
    logLevel: values.LOG_LEVEL,
    sqliteFile: join(stateDirectory, `${name}.db`),
    redis: redisConfig(values, secrets),
    etcd: etcdConfig(values, secrets, port),
    latchFile:
      values.RUNTIME_DIRECTORY &&
      join(values.RUNTIME_DIRECTORY.split(':')[0] as string, 'store-reached'),
    notifySocket: values.NOTIFY_SOCKET,
    watchdogMs: values.WATCHDOG_USEC && values.WATCHDOG_USEC / 1000,
  }
}

/** The effective settings, one `NAME=value` per line; secrets are hidden, unset settings are comments. */
export function describeConfig(env: Environment): string {
  const describe = ([name, { fallback, secret }]: [string, Setting<unknown>]) => {
    const value = env[name] ?? fallback
    if (value === undefined) return `# ${name} is not set`
    return `${name}=${secret && !/^(file|ssm):/.test(value) ? '(a secret)' : value}`
  }
  return Object.entries<Setting<unknown>>(SETTINGS).map(describe).join('\n')
}

function readValues(env: Environment, problems: string[]): Values {
  const read = ([name, { wants, parse, fallback, secret }]: [string, Setting<unknown>]) => {
    const text = env[name] ?? fallback
    if (text === undefined) return [name, undefined]
    const value = parse(text)
    if (value === undefined) {
      const got = text === '' ? 'nothing' : secret ? 'something else' : JSON.stringify(text)
      problems.push(`${name}: got ${got}, expected ${wants}`)
    }
    return [name, value]
  }
  return Object.fromEntries(Object.entries<Setting<unknown>>(SETTINGS).map(read))
}

/** A mistyped REDIS_ENDPOINT would quietly put the data into a local file. */
function misspelled(env: Environment): string[] {
  return Object.keys(env)
    .filter((variable) => /^(REDIS|ETCD|TLS)_/.test(variable) && !(variable in SETTINGS))
    .map((variable) => `${variable}: there is no such setting; ${name} config lists them`)
}

function contradictions(
  values: Values,
  env: Environment,
  port: number,
  environment: string,
): string[] {
  const problems: string[] = []
  const isSet = (name: SettingName) => env[name] !== undefined
  const needs = (name: SettingName, ...others: SettingName[]) => {
    if (isSet(name) && !others.some(isSet))
      problems.push(`${name}: is set, so ${others.join(' or ')} must be set too`)
  }
  if (isSet('TOKENS') && values.AUTH === 'none') {
    problems.push('AUTH: got "none" while TOKENS is set; remove one of them')
  }
  if (
    !isSet('TOKENS') &&
    (values.AUTH === 'tokens' || (environment !== 'local' && values.AUTH !== 'none'))
  ) {
    problems.push(
      `TOKENS: is not set; the environment ${environment} requires it, or an explicit AUTH=none`,
    )
  }
  if (port !== 0 && port === values.ADMIN_PORT) {
    problems.push(`ADMIN_PORT: got ${port}, which is the port of the service; expected another one`)
  }
  needs('TLS_CERT_FILE', 'TLS_KEY_FILE')
  needs('TLS_KEY_FILE', 'TLS_CERT_FILE')
  if (isSet('REDIS_TLS_CA_FILE') && values.REDIS_TLS !== 'true') {
    problems.push('REDIS_TLS_CA_FILE: is set, so REDIS_TLS must be true')
  }
  needs('REDIS_USERNAME', 'REDIS_PASSWORD')
  needs('ETCD_USERNAME', 'ETCD_PASSWORD')
  needs('ETCD_PASSWORD', 'ETCD_USERNAME')
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    if (name.startsWith('REDIS_') && name !== 'REDIS_ENDPOINT')
      needs(name, 'REDIS_ENDPOINT', 'ETCD_ENDPOINTS')
    if (name.startsWith('ETCD_') && name !== 'ETCD_ENDPOINTS') needs(name, 'ETCD_ENDPOINTS')
  }
  if (values.REDIS_MODE === 'standalone' && (values.REDIS_ENDPOINT?.length ?? 0) > 1) {
    problems.push('REDIS_ENDPOINT: got several, expected one, or REDIS_MODE=sentinel or cluster')
  }
  return problems
}

/** Files are read again when used; reading them here reports a bad one along with all other problems. */
function unusableFiles(values: Values): string[] {
  const problems: string[] = []
  const read = <T>(name: SettingName, wants: string, parse: (pem: Buffer) => T): T | undefined => {
    const file = values[name]
    if (typeof file !== 'string') return undefined
    try {
      return parse(readFileSync(file))
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message
      problems.push(
        `${name}: got ${JSON.stringify(file)} (${reason}), expected a file with ${wants}`,
      )
      return undefined
    }
  }
  read('REDIS_TLS_CA_FILE', 'a PEM certificate', (pem) => new X509Certificate(pem))
  const certificate = read('TLS_CERT_FILE', 'a PEM certificate', (pem) => new X509Certificate(pem))
  const key = read('TLS_KEY_FILE', 'a PEM private key', createPrivateKey)
  if (certificate && key && !certificate.checkPrivateKey(key)) {
    problems.push(
      'TLS_KEY_FILE: got the key of another certificate, expected that of TLS_CERT_FILE',
    )
  }
  return problems
}

async function resolveSecrets(
  values: Values,
  problems: string[],
): Promise<Partial<Record<SettingName, string>>> {
  const names = (Object.keys(SETTINGS) as SettingName[]).filter(
    (name) => 'secret' in SETTINGS[name],
  )
  const resolve = async (name: SettingName) => {
    const reference = values[name]
    if (typeof reference !== 'string') return []
    try {
      const secret = await resolveSecret(reference, values.AWS_REGION)
      if (secret === '') problems.push(`${name}: the secret it refers to is empty`)
      return [[name, secret]]
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message}`)
      return []
    }
  }
  return Object.fromEntries((await Promise.all(names.map(resolve))).flat())
}

type Secrets = Partial<Record<SettingName, string>>

function redisConfig(values: Values, secrets: Secrets): RedisConfig | undefined {
  if (!values.REDIS_ENDPOINT && !values.ETCD_ENDPOINTS) return undefined
  return {
    mode: values.REDIS_MODE,
    endpoints: values.REDIS_ENDPOINT ?? [],
    sentinelMaster: values.REDIS_SENTINEL_MASTER,
    tls: values.REDIS_TLS === 'true',
    ...(values.REDIS_TLS_CA_FILE && { tlsCaFile: values.REDIS_TLS_CA_FILE }),
    ...(values.REDIS_USERNAME && { username: values.REDIS_USERNAME }),
    ...(secrets.REDIS_PASSWORD && { password: secrets.REDIS_PASSWORD }),
    waitReplicas: values.REDIS_WAIT_REPLICAS,
    commandTimeoutMs: values.REDIS_COMMAND_TIMEOUT_MS,
  }
}

function etcdConfig(values: Values, secrets: Secrets, port: number): EtcdConfig | undefined {
  if (!values.ETCD_ENDPOINTS) return undefined
  return {
    endpoints: values.ETCD_ENDPOINTS,
    prefix: values.ETCD_PREFIX,
    ...(values.ETCD_USERNAME && { username: values.ETCD_USERNAME }),
    ...(secrets.ETCD_PASSWORD && { password: secrets.ETCD_PASSWORD }),
    leaseSeconds: values.ETCD_LEASE_SECONDS,
    advertiseAddress: values.ADVERTISE_ADDRESS ?? `${hostname()}:${port}`,
  }
}
