import { resolve } from 'node:path'
import { config, name } from '../../package.json'

/** The root folder of this repository. */
export const root = resolve(import.meta.dir, '../..')

/**
 * The service as the deployment tooling knows it: the requests of the rollout probe, the rehearsal, its load and the AWS
 * double, and the right answers. When the routes change, change `canary`, or set it to undefined.
 */
export const service = {
  name,
  port: config.port,
  /** Port of the first worker's listener for /metrics and /ready; the next worker has the next port. */
  adminPort: config.adminPort,
  /** Prefix of the environment variables that its scripts read: HELLO_TOKEN, TEAM_NOTES_TOKEN. */
  environmentPrefix: name.toUpperCase().replaceAll('-', '_'),
  health: {
    path: '/hc',
    isRight: (body: string): boolean => parse(body).status === 'ok',
    /** Says an instance that is about to stop, and answers everything else as ever. */
    isDraining: (body: string): boolean => parse(body).status === 'draining',
  },
  /** Response headers with the release, and with the id of the instance, that answered. */
  releaseHeader: 'x-release',
  instanceHeader: 'x-instance',
  version: {
    path: '/version',
    /** Which release answered, and on which instance; undefined unless the body names both. */
    read(body: string): { release: string; instance: string } | undefined {
      const { version, instance } = parse(body)
      if (typeof version !== 'string' || typeof instance !== 'string') return undefined
      return { release: version, instance }
    },
  },
}

/** Kinds of stores that releases of the service share. */
export type StoreKind = 'sqlite' | 'redis' | 'cluster'

/** How a release runs on this machine by itself, and how it is told of its store. */
export const local = {
  arguments: (port: number): string[] => [String(port), 'local'],
  environment: { ADMIN_PORT: '0', BIND_ADDRESS: '127.0.0.1', DRAIN_SECONDS: '0' },
  stores: {
    sqlite: (folder: string) => ({ STATE_DIRECTORY: folder }),
    redis: (endpoints: string[]) => ({ REDIS_ENDPOINT: endpoints.join() }),
    cluster: (endpoints: string[]) => ({
      REDIS_ENDPOINT: endpoints.join(),
      REDIS_MODE: 'cluster',
    }),
  },
}

/** A request and its expected response. */
export interface CanaryRequest {
  method: 'GET' | 'PUT' | 'DELETE'
  path: string
  body?: string
  status: number
  /** Whether the body is a right answer at some time between `sentAt` and `now`. */
  isRight(body: string, sentAt: Date, now: Date): boolean
}

/** Requests that write and read under their own key, to tell whether the service works. */
export interface Canary {
  /** Reserved for the rollout probe. */
  key: string
  /** Key number `index`, beginning with `word`. */
  keyOf(word: string, index: number): string
  /** A value that differs for each of 100 consecutive turns. */
  value(turn: number): string
  /** Unusual keys, each of which contains `word`, and unusual values: what a new release may read otherwise. */
  keys(word: string): string[]
  values: string[]
  write(key: string, value: string): CanaryRequest
  /** Reads, and expects `value`. */
  read(key: string, value: string): CanaryRequest
  remove(key: string): CanaryRequest
  /** Reads, and expects nothing. */
  readNothing(key: string): CanaryRequest
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** The service counts days in its configured time zone: anything from UTC-12 to UTC+14. */
const OFFSETS_MS = [0, -12 * HOUR_MS, 14 * HOUR_MS]

/** So that no answer is right for two values, whatever the time zone. */
const APART_MS = 3 * DAY_MS

const pathOf = (key: string): string => `/hello/${encodeURIComponent(key)}`
const isEmpty = (body: string): boolean => body === ''

/** Birthdays. User names are letters only. */
export const canary: Canary | undefined = {
  key: 'Canary',
  keyOf: (word, index) =>
    word + [...String(index)].map((digit) => String.fromCharCode(97 + Number(digit))).join(''),
  value: (turn) =>
    new Date(Date.UTC(1990, 0, 1) + (turn % 100) * APART_MS).toISOString().slice(0, 10),
  keys: (word) => [word.toLowerCase(), `Zo\u00eb${word}`, `\u5f20${word}`, word.padEnd(64, 'x')],
  values: ['0001-01-01', '0999-12-31', '1600-02-29', '2000-02-29', '1999-12-31', '2024-01-01'],
  write: (key, value) => ({
    method: 'PUT',
    path: pathOf(key),
    body: JSON.stringify({ dateOfBirth: value }),
    status: 204,
    isRight: isEmpty,
  }),
  read: (key, value) => ({
    method: 'GET',
    path: pathOf(key),
    status: 200,
    isRight(body, sentAt, now) {
      const { message } = parse(body)
      return [sentAt, now].some((moment) =>
        OFFSETS_MS.some(
          (offset) => greeting(key, value, new Date(moment.getTime() + offset)) === message,
        ),
      )
    },
  }),
  remove: (key) => ({ method: 'DELETE', path: pathOf(key), status: 204, isRight: isEmpty }),
  readNothing: (key) => ({
    method: 'GET',
    path: pathOf(key),
    status: 404,
    isRight: (body) => parse(body).status === 404,
  }),
}

const VERSION: CanaryRequest = {
  method: 'GET',
  path: service.version.path,
  status: 200,
  isRight: (body) => service.version.read(body) !== undefined,
}

/** For a service without a canary: every request asks for the version. */
export const NO_CANARY: Canary = {
  key: '',
  keyOf: (word, index) => word + index,
  value: String,
  keys: () => [],
  values: [],
  write: () => VERSION,
  read: () => VERSION,
  remove: () => VERSION,
  readNothing: () => VERSION,
}

/** The service's greeting for somebody born on `date`, on the day of `now` in UTC. */
export function greeting(user: string, date: string, now: Date): string {
  const [, month, day] = date.split('-').map(Number) as [number, number, number]
  const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate())
  const birthdayIn = (year: number): number => {
    const time = Date.UTC(year, month - 1, day)
    // 29 February is the 28th in common years.
    return new Date(time).getUTCMonth() === month - 1 ? time : time - DAY_MS
  }
  const thisYear = birthdayIn(now.getUTCFullYear())
  const next = thisYear >= today ? thisYear : birthdayIn(now.getUTCFullYear() + 1)
  const days = (next - today) / DAY_MS
  return days === 0
    ? `Hello, ${user}! Happy birthday!`
    : `Hello, ${user}! Your birthday is in ${days} day(s)`
}

function parse(body: string): Record<string, unknown> {
  try {
    return (JSON.parse(body) ?? {}) as Record<string, unknown>
  } catch {
    return {}
  }
}
