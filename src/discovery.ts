import { Etcd3, type Lease } from 'etcd3'
import type { EtcdConfig } from './config.ts'
import type { Log } from './log.ts'
import { type Endpoint, parseEndpoints } from './settings.ts'

/** This instance's entry in etcd, and what etcd tells it. */
export interface Discovery {
  /** Takes the entry away, so that nobody is sent here any more. Never rejects; gives up after a second. */
  withdraw(): Promise<void>
  close(): void
}

const RETRY_MS = 1000
const WITHDRAW_TIMEOUT_MS = 1000

/**
 * Registers `entry` as `PREFIX/instances/ID` under a lease that is renewed for as long as the process lives, and calls
 * `onRedisEndpoints` with what `PREFIX/redis-endpoint` holds, now and whenever it changes. etcd being away is an
 * expected event: the last endpoint stays in use, and the entry is made again when etcd is back.
 */
export function startDiscovery(
  config: EtcdConfig,
  { id, ...entry }: { id: string; address: string; release: string },
  onRedisEndpoints: (endpoints: Endpoint[]) => void,
  log: Log,
): Discovery {
  const client = new Etcd3({
    hosts: config.endpoints,
    ...(config.username &&
      config.password && { auth: { username: config.username, password: config.password } }),
  })
  let lease: Lease | undefined
  let stopped = false

  const report = (action: string, error: Error) => {
    if (!stopped) log.warn({ event: 'etcd-unavailable', action, reason: error.message })
  }

  async function register(): Promise<void> {
    if (stopped) return
    const granted = client.lease(config.leaseSeconds)
    lease = granted
    granted.once('lost', (error) => {
      report('register', error)
      setTimeout(register, RETRY_MS)
    })
    try {
      await granted.put(`${config.prefix}/instances/${id}`).value(JSON.stringify(entry))
      log.info({ event: 'registered', id, ...entry })
    } catch {
      // The lease that could not be had is lost, and 'lost' tries again.
    }
  }

  const endpointKey = `${config.prefix}/redis-endpoint`
  function follow(text: string | null): void {
    const endpoints = text === null ? undefined : parseEndpoints(text.trim())
    if (endpoints) onRedisEndpoints(endpoints)
    else
      log.warn({
        event: 'redis-endpoint-unusable',
        key: endpointKey,
        got: text,
        wants: 'host:port',
      })
  }
  const readEndpoint = () =>
    client
      .get(endpointKey)
      .string()
      .then(follow, (error: Error) => report('read', error))

  const watcher = client.watch().key(endpointKey).watcher()
  watcher.on('connected', readEndpoint)
  watcher.on('put', ({ value }) => follow(value.toString()))
  watcher.on('error', (error) => report('watch', error))
  void register()

  return {
    async withdraw() {
      stopped = true
      const revoked = lease?.revoke().catch(() => {})
      await Promise.race([revoked, Bun.sleep(WITHDRAW_TIMEOUT_MS)])
    },
    close() {
      stopped = true
      client.close()
    },
  }
}
