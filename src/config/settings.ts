import { isIP } from 'node:net'
import { name, config as ports } from '../../package.json'
import { LOG_LEVELS } from '../telemetry/log.ts'
import { DRAIN_SECONDS, REDIS_COMMAND_TIMEOUT_MS, REQUEST_TIMEOUT_SECONDS } from './timeouts.ts'

/** One environment variable: what it expects, how it is parsed, its default. */
export interface Setting<T> {
  readonly wants: string
  /** The value of `text`, undefined when it is malformed. */
  parse(text: string): T | undefined
  readonly fallback?: string
  /** Holds a secret or a reference to one; its value is never shown. */
  readonly secret?: true
}

export interface Endpoint {
  host: string
  port: number
}

/** Every variable that the service reads. Names carry their unit. */
export const SETTINGS = {
  BIND_ADDRESS: {
    wants: 'an IP address',
    parse: (text) => (isIP(text) ? text : undefined),
    fallback: '0.0.0.0',
  },
  ADMIN_PORT: integer(0, 65535, String(ports.adminPort)),
  TIMEZONE: {
    wants: 'an IANA time zone, such as Europe/Berlin',
    parse: parseTimeZone,
    fallback: 'UTC',
  },
  AUTH: oneOf(['tokens', 'none']),
  TOKENS: {
    ...anything(
      `a list of read:SHA256 and write:SHA256, each with :LABEL or :LABEL:YYYY-MM-DD or neither (see ${name} token)`,
    ),
    secret: true,
  },
  SECRETS_REREAD_SECONDS: integer(0, 86_400, '300'),
  TLS_CERT_FILE: path(),
  TLS_KEY_FILE: path(),
  DRAIN_SECONDS: integer(0, 3600, String(DRAIN_SECONDS)),
  REQUEST_TIMEOUT_SECONDS: integer(1, 60, String(REQUEST_TIMEOUT_SECONDS)),
  LOG_LEVEL: oneOf(LOG_LEVELS, 'info'),
  INSTANCE_ID: matching(/^[\w.:-]{1,128}$/, 'up to 128 letters, digits and . : _ -'),
  REDIS_ENDPOINT: { wants: 'host:port, or several separated by commas', parse: parseEndpoints },
  REDIS_MODE: oneOf(['standalone', 'sentinel', 'cluster'], 'standalone'),
  REDIS_SENTINEL_MASTER: matching(/^[\w.-]{1,64}$/, 'the name of a master', 'mymaster'),
  REDIS_TLS: { ...oneOf(['true', 'false'], 'false') },
  REDIS_TLS_CA_FILE: path(),
  REDIS_USERNAME: anything('a user name'),
  REDIS_PASSWORD: { ...anything('a password'), secret: true },
  REDIS_WAIT_REPLICAS: integer(0, 5, '0'),
  REDIS_COMMAND_TIMEOUT_MS: integer(50, 900, String(REDIS_COMMAND_TIMEOUT_MS)),
  ETCD_ENDPOINTS: { wants: 'http://host:port, or several separated by commas', parse: parseUrls },
  ETCD_PREFIX: matching(/^(\/[\w.-]+)+$/, `a path such as /${name}`, `/${name}`),
  ETCD_USERNAME: anything('a user name'),
  ETCD_PASSWORD: { ...anything('a password'), secret: true },
  ETCD_LEASE_SECONDS: integer(2, 300, '10'),
  ADVERTISE_ADDRESS: { wants: 'host:port', parse: parseAddress },
  AWS_REGION: matching(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as eu-west-1'),
  STATE_DIRECTORY: path('./data'),
  RUNTIME_DIRECTORY: path(),
  NOTIFY_SOCKET: matching(/^[/@]/, 'a path, or @ and a name'),
  WATCHDOG_USEC: integer(1, Number.MAX_SAFE_INTEGER),
} satisfies Record<string, Setting<unknown>>

type Settings = typeof SETTINGS
export type SettingName = keyof Settings
type ValueOf<S> = S extends { parse(text: string): infer T } ? Exclude<T, undefined> : never

/** The parsed values; always defined where the setting has a fallback. */
export type Values = {
  [N in SettingName]: Settings[N] extends { fallback: string }
    ? ValueOf<Settings[N]>
    : ValueOf<Settings[N]> | undefined
}

function integer(min: number, max: number): Setting<number>
function integer(min: number, max: number, fallback: string): Setting<number> & { fallback: string }
function integer(min: number, max: number, fallback?: string): Setting<number> {
  return {
    wants: `a whole number from ${min} to ${max}`,
    parse: (text) => {
      const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
      return value >= min && value <= max ? value : undefined
    },
    ...(fallback !== undefined && { fallback }),
  }
}

function oneOf<const T extends readonly string[]>(values: T): Setting<T[number]>
function oneOf<const T extends readonly string[]>(
  values: T,
  fallback: T[number],
): Setting<T[number]> & { fallback: string }
function oneOf<const T extends readonly string[]>(
  values: T,
  fallback?: T[number],
): Setting<T[number]> {
  return {
    wants: `one of ${values.join(', ')}`,
    parse: (text) => (values.includes(text) ? text : undefined),
    ...(fallback !== undefined && { fallback }),
  }
}

function matching(pattern: RegExp, wants: string): Setting<string>
function matching(
  pattern: RegExp,
  wants: string,
  fallback: string,
): Setting<string> & { fallback: string }
function matching(pattern: RegExp, wants: string, fallback?: string): Setting<string> {
  return {
    wants,
    parse: (text) => (pattern.test(text) ? text : undefined),
    ...(fallback !== undefined && { fallback }),
  }
}

function anything(wants: string): Setting<string> {
  return matching(/./s, wants)
}

function path(): Setting<string>
function path(fallback: string): Setting<string> & { fallback: string }
function path(fallback?: string): Setting<string> {
  return fallback === undefined ? matching(/./, 'a path') : matching(/./, 'a path', fallback)
}

/** A name, not one of the offsets and times that Temporal would also accept. */
function parseTimeZone(text: string): string | undefined {
  if (!/^[A-Za-z][\w+/-]*$/.test(text)) return undefined
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    return text
  } catch {
    return undefined
  }
}

function isPort(port: number): boolean {
  return port > 0 && port < 65536
}

/** `host:port` pairs separated by commas; an IPv6 address is in brackets. */
export function parseEndpoints(text: string): Endpoint[] | undefined {
  const endpoints = text.split(',').map((part) => {
    const [, bracketed, plain, port] =
      /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(part) ?? []
    return { host: bracketed ?? plain ?? '', port: Number(port) }
  })
  const valid = endpoints.every(({ host, port }) => host && isPort(port))
  return valid ? endpoints : undefined
}

function parseAddress(text: string): string | undefined {
  return parseEndpoints(text)?.length === 1 ? text : undefined
}

function parseUrls(text: string): string[] | undefined {
  const urls = text.split(',')
  const port = (url: string) => /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(url)?.[1]
  return urls.every((url) => isPort(Number(port(url)))) ? urls : undefined
}
