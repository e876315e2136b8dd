import { createPrivateKey, X509Certificate } from 'node:crypto'
import { spelledOut } from '../telemetry/terminal.ts'
import { misspelled } from './misspelled.ts'
import { readSmallFile, resolveSecret, shown } from './secrets.ts'
import { type Endpoint, SETTINGS, type Setting, type SettingName } from './settings.ts'

type Table = typeof SETTINGS
type ValueOf<N extends SettingName> = Exclude<ReturnType<Table[N]['parse']>, undefined>
type Sure = { [N in SettingName]: Table[N] extends { fallback: string } ? N : never }[SettingName]

/** The parsed values by setting; always there where the setting has a fallback. */
type Values = { [N in Sure]: ValueOf<N> } & { [N in Exclude<SettingName, Sure>]?: ValueOf<N> }

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<Camel<Tail>>}`
  : Lowercase<S>

/** Values whose names begin with `P`, under what follows it: REDIS_WAIT_REPLICAS is `waitReplicas`. */
type Family<P extends string> = {
  [N in keyof Values as N extends `${P}_${infer Rest}` ? Camel<Rest> : never]: Values[N]
}
const FAMILIES = ['redis', 'etcd', 'tls'] as const
type InFamily = `${Uppercase<(typeof FAMILIES)[number]>}_${string}`

export type RedisConfig = Omit<Family<'REDIS'>, 'endpoint'> & {
  /** With etcd, may be empty. */
  endpoints: Endpoint[]
}
export type EtcdConfig = Family<'ETCD'> & { endpoints: string[] }
export type TlsConfig = Required<Family<'TLS'>>

/** Every setting under its name in camel case, and the families in objects of their own. */
export type Config = {
  [N in keyof Values as N extends InFamily ? never : Camel<N>]: Values[N]
} & {
  port: number
  environment: string
  /** Without REDIS_ENDPOINT and ETCD_ENDPOINTS, the store is the SQLite file. */
  redis?: RedisConfig
  etcd?: EtcdConfig
  tls?: TlsConfig
}

export type Environment = Record<string, string | undefined>

interface Command {
  port: number
  environment: string
}

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
export async function loadConfig(command: Command, env: Environment): Promise<Config> {
  const { values, problems } = await readValues(NAMES, env, command.environment)
  problems.push(
    ...misspelled(env),
    ...contradictions(values, env, command),
    ...unusableFiles(values),
  )
  if (problems.length > 0) throw new ConfigError(problems)
  return configOf(command, values)
}

/** What reaches the service on this machine, without its secrets. Throws as `loadConfig` does. */
export async function loadListener(
  command: Command,
  env: Environment,
): Promise<Pick<Config, 'port' | 'bindAddress' | 'tls'>> {
  const names = ['BIND_ADDRESS', 'TLS_CERT_FILE', 'TLS_KEY_FILE'] as const
  const { values, problems } = await readValues(names, env, command.environment)
  if (problems.length > 0) throw new ConfigError(problems)
  return configOf(command, values)
}

/** The effective settings, one `NAME=value` per line; secrets are hidden, unset settings are comments. */
export function describeConfig(env: Environment, environment: string): string {
  const describe = (name: SettingName) => {
    const value = env[name] ?? fallbackOf(name, environment)
    if (value === undefined) return `# ${name} is not set`
    const { secret }: Setting<unknown> = SETTINGS[name]
    return `${name}=${secret && !/^(file|ssm):/.test(value) ? '(a secret)' : spelledOut(value)}`
  }
  return NAMES.map(describe).join('\n')
}

const NAMES = Object.keys(SETTINGS) as SettingName[]

function fallbackOf(name: SettingName, environment: string): string | undefined {
  const { fallback, locally }: Setting<unknown> = SETTINGS[name]
  return environment === 'local' ? (locally ?? fallback) : fallback
}

async function readValues(
  names: readonly SettingName[],
  env: Environment,
  environment: string,
): Promise<{ values: Values; problems: string[] }> {
  const problems: string[] = []
  const region = SETTINGS.AWS_REGION.parse(env.AWS_REGION ?? '')
  const read = async (name: SettingName) => {
    const { wants, parse, secret }: Setting<unknown> = SETTINGS[name]
    const text = env[name] ?? fallbackOf(name, environment)
    if (text === undefined) return []
    try {
      const value = parse(secret ? await resolveSecret(text, region) : text)
      if (value !== undefined) return [[name, value]]
      const got = secret ? 'something else' : JSON.stringify(shown(text))
      problems.push(`${name}: got ${text === '' ? 'nothing' : got}, expected ${wants}`)
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message}`)
    }
    return []
  }
  const values = Object.fromEntries((await Promise.all(names.map(read))).flat())
  return { values, problems }
}

function configOf({ port, environment }: Command, values: Values): Config {
  const config: Record<string, unknown> = { port, environment }
  for (const [name, value] of Object.entries(values)) {
    const words = name.toLowerCase().split('_')
    const family = FAMILIES.find((word) => word === words[0])
    const key = camel(family ? words.slice(1) : words)
    if (family) config[family] = { ...(config[family] as object), [key]: value }
    else config[key] = value
  }
  const { redis, etcd, tls, ...own } = config as unknown as Config & { redis: Family<'REDIS'> }
  const { endpoint, ...toRedis } = redis ?? {}
  return {
    ...own,
    ...((endpoint || etcd?.endpoints) && { redis: { ...toRedis, endpoints: endpoint ?? [] } }),
    ...(etcd?.endpoints && { etcd }),
    ...(tls && { tls }),
  }
}

function camel([first = '', ...rest]: string[]): string {
  return first + rest.map((word) => word[0]?.toUpperCase() + word.slice(1)).join('')
}

function contradictions(
  values: Values,
  env: Environment,
  { port, environment }: Command,
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
  if (isSet('REDIS_TLS_CA_FILE') && values.REDIS_TLS === false) {
    problems.push('REDIS_TLS_CA_FILE: is set, so REDIS_TLS must be true')
  }
  needs('REDIS_USERNAME', 'REDIS_PASSWORD')
  needs('ETCD_USERNAME', 'ETCD_PASSWORD')
  needs('ETCD_PASSWORD', 'ETCD_USERNAME')
  for (const name of NAMES) {
    if (name.startsWith('REDIS_') && name !== 'REDIS_ENDPOINT')
      needs(name, 'REDIS_ENDPOINT', 'ETCD_ENDPOINTS')
    if (name.startsWith('ETCD_') && name !== 'ETCD_ENDPOINTS') needs(name, 'ETCD_ENDPOINTS')
  }
  // Otherwise whoever can write to etcd would be told the store's password.
  if (isSet('ETCD_ENDPOINTS') && isSet('REDIS_PASSWORD')) {
    needs('REDIS_PASSWORD', 'ETCD_REDIS_HOSTS')
    if (values.REDIS_TLS === false) {
      problems.push('REDIS_PASSWORD: is set along with ETCD_ENDPOINTS, so REDIS_TLS must be true')
    }
  }
  if (values.REDIS_MODE === 'standalone' && (values.REDIS_ENDPOINT?.length ?? 0) > 1) {
    problems.push('REDIS_ENDPOINT: got several, expected one, or REDIS_MODE=sentinel or cluster')
  }
  return problems
}

/** Files are read again when used; reading them here reports a bad one along with all other problems. */
function unusableFiles(values: Values): string[] {
  const problems: string[] = []
  const read = <T>(
    name: 'REDIS_TLS_CA_FILE' | 'TLS_CERT_FILE' | 'TLS_KEY_FILE',
    wants: string,
    parse: (pem: Buffer) => T,
  ): T | undefined => {
    const file = values[name]
    if (file === undefined) return undefined
    try {
      return parse(readSmallFile(file))
    } catch (error) {
      const { message: reason } = error as Error
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
