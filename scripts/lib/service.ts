import { resolve } from 'node:path'
import { config, name } from '../../package.json'

/** The root folder of this repository. */
export const root = resolve(import.meta.dir, '../..')

/**
 * What the deployment tooling knows of every service of this repository: health and release. What it knows of this one's
 * routes is in domain/canary.ts.
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
    isRight: (body: string): boolean => fieldsOf(body).status === 'ok',
    /** Says an instance that is about to stop, and answers everything else as ever. */
    isDraining: (body: string): boolean => fieldsOf(body).status === 'draining',
  },
  /** Response headers with the release, and with the id of the instance, that answered. */
  releaseHeader: 'x-release',
  instanceHeader: 'x-instance',
  version: {
    path: '/version',
    /** Which release answered, and on which instance; undefined unless the body names both. */
    read(body: string): { release: string; instance: string } | undefined {
      const { version, instance } = fieldsOf(body)
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
  /** What a read of `path` answers at `now` in UTC, after `body` was written there. */
  answer(path: string, body: string, now: Date): string
}

const VERSION: CanaryRequest = {
  method: 'GET',
  path: service.version.path,
  status: 200,
  isRight: (body) => service.version.read(body) !== undefined,
}

/** For a service that stores nothing: every request asks for the version. */
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
  answer: () => '',
}

/** The fields of the JSON object in `body`; none when it is something else. */
export function fieldsOf(body: string): Record<string, unknown> {
  try {
    return (JSON.parse(body) ?? {}) as Record<string, unknown>
  } catch {
    return {}
  }
}
