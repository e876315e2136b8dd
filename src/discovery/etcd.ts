import type { EtcdConfig } from '../config/config.ts'
import { shown } from '../config/secrets.ts'

/** What service discovery needs from etcd. Every call but `watch` settles within two seconds. */
export interface EtcdClient {
  /** The value of `key`, undefined when there is none. */
  get(key: string): Promise<string | undefined>
  put(key: string, value: string, lease: string): Promise<void>
  /** The id of a new lease of `seconds`. */
  grant(seconds: number): Promise<string>
  /** Throws when the lease is gone. */
  keepAlive(lease: string): Promise<void>
  revoke(lease: string): Promise<void>
  /** Awaits `changed` once etcd watches `key` and after each change. Resolves when etcd or `signal` ends the watch. */
  watch(key: string, changed: () => Promise<void>, signal: AbortSignal): Promise<void>
}

const TIMEOUT_MS = 2000

/**
 * A client for etcd's JSON gateway, https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/. gRPC libraries generate
 * their codecs from strings at run time, which the executable forbids.
 */
export function createEtcdClient(
  config: Pick<EtcdConfig, 'endpoints' | 'username' | 'password'>,
): EtcdClient {
  let current = 0

  /** Posts to the endpoint that last answered; after a failure, the next call goes to the next one. */
  async function post(
    path: string,
    body: object,
    signal?: AbortSignal,
    token?: string,
  ): Promise<Response> {
    const asked = current
    const endpoint = config.endpoints[asked]
    try {
      const response = await fetch(`${endpoint}/v3/${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        signal: signal ?? AbortSignal.timeout(TIMEOUT_MS),
        proxy: false,
        // Another host would get the password; etcd sends nobody there.
        redirect: 'manual',
        ...(token && { headers: { Authorization: token } }),
      })
      if (!response.ok) throw new Error(`${response.status} ${shown(await response.text())}`)
      return response
    } catch (error) {
      // From the one that failed: calls that fail together must not skip one, or come back to it.
      current = (asked + 1) % config.endpoints.length
      throw new Error(`etcd at ${endpoint}: ${(error as Error).message}`, { cause: error })
    }
  }

  async function authorized(path: string, body: object, signal?: AbortSignal): Promise<Response> {
    if (!config.username) return post(path, body, signal)
    // A token lives for minutes and calls are seconds apart, but a stale one would fail: each call gets its own.
    const login = { name: config.username, password: config.password }
    const { token } = (await (await post('auth/authenticate', login)).json()) as { token: string }
    return post(path, body, signal, token)
  }

  async function call<T>(path: string, body: object): Promise<T> {
    return (await (await authorized(path, body)).json()) as T
  }

  return {
    async get(key) {
      // etcd leaves an empty value out.
      const { kvs } = await call<{ kvs?: { value?: string }[] }>('kv/range', { key: encode(key) })
      return kvs?.[0] && decode(kvs[0].value ?? '')
    },
    async put(key, value, lease) {
      await call('kv/put', { key: encode(key), value: encode(value), lease })
    },
    async grant(seconds) {
      const { ID } = await call<{ ID?: string }>('lease/grant', { TTL: seconds })
      if (!ID) throw new Error('etcd granted no lease')
      return ID
    },
    async keepAlive(lease) {
      const { result } = await call<{ result?: { TTL?: string } }>('lease/keepalive', { ID: lease })
      if (!Number(result?.TTL)) throw new Error(`the lease ${lease} has expired`)
    },
    async revoke(lease) {
      await call('lease/revoke', { ID: lease })
    },
    async watch(key, changed, signal) {
      try {
        const { body } = await authorized('watch', { create_request: { key: encode(key) } }, signal)
        // Each message is the watch's creation or a change; the current value is read, not reconstructed.
        for await (const _ of body ?? []) await changed()
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64')
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString()
}
