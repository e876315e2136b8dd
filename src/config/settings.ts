import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { name, config as ports } from '../../package.json'
import { LOG_LEVELS } from '../telemetry/log.ts'
import { DRAIN_SECONDS, REDIS_COMMAND_TIMEOUT_MS, REQUEST_TIMEOUT_SECONDS } from './timeouts.ts'
import { parseTokenHashes } from './tokens.ts'

/**
 * One environment variable. The configuration, its checks, the command `config`, the table in src/README.md and
 * systemd/app.env.example all come from these.
 */
export interface Setting<T> {
  /** For the reader of a table: what it does. */
  readonly meaning: string
  /** For the reader of an error: what it accepts. */
  readonly wants: string
  /** The value of `text`, undefined when it is malformed. */
  parse(text: string): T | undefined
  /** What it is when it is not set. */
  readonly fallback?: string
  /** The fallback in the environment `local`. */
  readonly locally?: string
  /** Shown in documents in place of a fallback that differs from machine to machine. */
  readonly shown?: string
  /** Shown in app.env.example. */
  readonly example?: string
  /** Set, and not commented out, in app.env.example. */
  readonly required?: true
  /** Holds a secret or a reference to one; its value is never shown. */
  readonly secret?: true
}

export interface Endpoint {
  host: string
  port: number
}

const CALLERS = {
  TOKENS: {
    meaning: 'the tokens; one of the two is required outside `local`',
    wants: `a list of read:SHA256 and write:SHA256, each with :LABEL or :LABEL:YYYY-MM-DD or neither (see ${name} token)`,
    parse: parseTokenHashes,
    secret: true,
    example: 'ssm:/NAME/production/tokens',
    required: true,
  },
  AUTH: {
    meaning: '`none`: anybody may do anything',
    ...oneOf(['tokens', 'none']),
    example: 'tokens',
  },
  SECRETS_REREAD_SECONDS: {
    meaning: 'how often tokens and passwords are read again; 0: only on SIGHUP',
    ...integer(0, 86_400),
    fallback: '300',
  },
} satisfies Settings

const STORE = {
  REDIS_ENDPOINT: {
    meaning: '`host:port`, or several separated by commas; without it the store is a SQLite file',
    wants: 'host:port, or several separated by commas',
    parse: parseEndpoints,
    example: 'store.example.com:6379',
  },
  REDIS_MODE: {
    meaning: 'in `sentinel` the endpoints are Sentinels',
    ...oneOf(['standalone', 'sentinel', 'cluster']),
    fallback: 'standalone',
  },
  REDIS_SENTINEL_MASTER: {
    meaning: "the master's name in Sentinel",
    ...matching(/^[\w.-]{1,64}$/, 'the name of a master'),
    fallback: 'mymaster',
  },
  REDIS_TLS: { meaning: 'TLS to Redis', ...flag(), fallback: 'false' },
  REDIS_TLS_CA_FILE: {
    meaning: 'your own CA',
    ...path(),
    example: '/etc/app/store-ca.pem',
  },
  REDIS_USERNAME: { meaning: 'the user of an ACL', ...anything('a user name'), example: 'app' },
  REDIS_PASSWORD: {
    meaning: 'of the store',
    ...anything('a password'),
    secret: true,
    example: 'ssm:/NAME/production/redis-password',
  },
  REDIS_WAIT_REPLICAS: {
    meaning: 'answer 204 only when this many replicas have the write',
    ...integer(0, 5),
    fallback: '0',
  },
  REDIS_COMMAND_TIMEOUT_MS: {
    meaning: 'after this, the response is 503',
    ...integer(50, 900),
    fallback: String(REDIS_COMMAND_TIMEOUT_MS),
  },
} satisfies Settings

const DISCOVERY = {
  ETCD_ENDPOINTS: {
    meaning: '`http://host:port`, or several separated by commas; see below',
    wants: 'http://host:port, or several separated by commas',
    parse: parseUrls,
    example: 'http://etcd.example.com:2379',
  },
  ETCD_PREFIX: {
    meaning: 'of the keys',
    ...matching(/^(\/[\w.-]+)+$/, `a path such as /${name}`),
    fallback: `/${name}`,
    example: '/NAME',
  },
  ETCD_USERNAME: {
    meaning: 'of etcd, where it has users',
    ...anything('a user name'),
    example: 'app',
  },
  ETCD_PASSWORD: {
    meaning: 'of that user',
    ...anything('a password'),
    secret: true,
    example: 'file:/etc/app/etcd-password',
  },
  ETCD_LEASE_SECONDS: {
    meaning: 'how long the entry of an instance that died stays',
    ...integer(2, 300),
    fallback: '10',
  },
  ETCD_REDIS_HOSTS: {
    meaning: 'the only hosts that `redis-endpoint` may name; required with `REDIS_PASSWORD`',
    wants: 'host names separated by commas; *.example.com stands for every name that ends so',
    parse: parseHosts,
    example: '*.store.example.com',
  },
  ADVERTISE_ADDRESS: {
    meaning: 'the address that the instance registers',
    wants: 'host:port',
    parse: (text) => (parseEndpoints(text)?.length === 1 ? text : undefined),
    shown: 'host name and port',
    example: '10.0.0.1:5000',
  },
} satisfies Settings

const LISTENER = {
  BIND_ADDRESS: {
    meaning: 'where to listen',
    wants: 'an IP address',
    parse: (text) => (isIP(text) ? text : undefined),
    fallback: '0.0.0.0',
  },
  TLS_CERT_FILE: { meaning: 'TLS on the service itself', ...path(), example: '/etc/app/tls.crt' },
  TLS_KEY_FILE: { meaning: 'the key of the certificate', ...path(), example: '/etc/app/tls.key' },
  DRAIN_SECONDS: {
    meaning:
      'how long a stopping instance keeps serving: longer than the load balancer takes to notice, up to a minute late; 0 in `local`',
    ...integer(0, 3600),
    fallback: String(DRAIN_SECONDS),
    locally: '0',
  },
  REQUEST_TIMEOUT_SECONDS: {
    meaning: 'the longest a request may take',
    ...integer(1, 60),
    fallback: String(REQUEST_TIMEOUT_SECONDS),
  },
} satisfies Settings

const REST = {
  TIMEZONE: {
    meaning: 'the time zone of "today"',
    wants: 'an IANA time zone, such as Europe/Berlin',
    parse: parseTimeZone,
    fallback: 'UTC',
  },
  INSTANCE_ID: {
    meaning: 'in `/version` and every log line',
    ...matching(/^[\w.:-]{1,128}$/, 'up to 128 letters, digits and . : _ -'),
    fallback: hostname(),
    shown: 'host name',
    example: 'i-0123456789abcdef0',
  },
  LOG_LEVEL: {
    meaning: LOG_LEVELS.map((level) => `\`${level}\``).join(', '),
    ...oneOf(LOG_LEVELS),
    fallback: 'info',
  },
  AWS_REGION: {
    meaning: 'for `ssm:` secrets',
    ...matching(/^[a-z]{2,8}(-[a-z]+)+-\d{1,2}$/, 'a region such as eu-west-1'),
    example: 'eu-west-1',
  },
} satisfies Settings

/** systemd sets these for each worker. */
export const SYSTEMD = {
  ADMIN_PORT: {
    meaning: '`/metrics` and `/ready`, on loopback only',
    ...integer(0, 65535),
    fallback: String(ports.adminPort),
  },
  STATE_DIRECTORY: {
    meaning: 'where the SQLite file is; systemd sets it',
    ...folder(),
    fallback: './data',
  },
  RUNTIME_DIRECTORY: {
    meaning: 'keeps the health latch across restarts; systemd sets it',
    ...folder(),
  },
  NOTIFY_SOCKET: {
    meaning: 'systemd sets it to be told',
    ...matching(/^[/@]/, 'a path, or @ and a name'),
  },
  WATCHDOG_USEC: {
    meaning: 'systemd sets it to be told twice within this time',
    ...integer(1, Number.MAX_SAFE_INTEGER),
  },
} satisfies Settings

/** The settings of the environment file, by the line that introduces them there. */
export const SECTIONS = {
  'Who may call. Outside ENVIRONMENT=local one of the two is required. A secret is a value, file:/path or ssm:/name.':
    CALLERS,
  'The store. Without REDIS_ENDPOINT and ETCD_ENDPOINTS it is a file in /var/lib/app.': STORE,
  'Discovery: where to find the store, and where others find this instance.': DISCOVERY,
  'The listener.': LISTENER,
  'The rest.': REST,
} satisfies Record<string, Settings>

/** Every variable that the service reads. Names carry their unit. */
export const SETTINGS = {
  ...CALLERS,
  ...STORE,
  ...DISCOVERY,
  ...LISTENER,
  ...REST,
  ...SYSTEMD,
} satisfies Settings

type Settings = Record<string, Setting<unknown>>
export type SettingName = keyof typeof SETTINGS

function integer(min: number, max: number) {
  return {
    wants: `a whole number from ${min} to ${max}`,
    parse(text: string) {
      const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
      return value >= min && value <= max ? value : undefined
    },
  }
}

function oneOf<const T extends string>(values: readonly T[]) {
  return {
    wants: `one of ${values.join(', ')}`,
    parse: (text: string) => values.find((value) => value === text),
  }
}

function flag() {
  const { wants, parse } = oneOf(['true', 'false'])
  return {
    wants,
    parse: (text: string) => (parse(text) === undefined ? undefined : text === 'true'),
  }
}

function matching(pattern: RegExp, wants: string) {
  return { wants, parse: (text: string) => (pattern.test(text) ? text : undefined) }
}

function anything(wants: string) {
  return matching(/./s, wants)
}

function path() {
  return matching(/./, 'a path')
}

/** systemd separates several folders by colons; the first is ours. */
function folder() {
  return { wants: 'a path', parse: (text: string) => text.split(':')[0] || undefined }
}

/** A name, not one of the offsets and times that Temporal would also accept. */
function parseTimeZone(text: string): string | undefined {
  if (!/^[A-Za-z][\w+/-]*$/.test(text)) return undefined
  try {
    Temporal.Now.plainDateISO(text)
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

function parseHosts(text: string): string[] | undefined {
  const hosts = text.toLowerCase().split(',')
  return hosts.every((host) => /^(?:\*(?=\.\w))?[\w.:-]+$/.test(host)) ? hosts : undefined
}

function parseUrls(text: string): string[] | undefined {
  const urls = text.split(',')
  const port = (url: string) => /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(url)?.[1]
  return urls.every((url) => isPort(Number(port(url)))) ? urls : undefined
}
