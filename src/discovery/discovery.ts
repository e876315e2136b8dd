import type { EtcdConfig } from '../config/config.ts'
import { shown } from '../config/secrets.ts'
import { type Endpoint, parseEndpoints } from '../config/settings.ts'
import { type Clock, clock, sleep } from '../deadline.ts'
import type { Log } from '../telemetry/log.ts'
import { createEtcdClient } from './etcd.ts'

/** This instance's registration in etcd. */
export interface Discovery {
  /** Removes the entry, so that no more traffic is sent here. Never rejects. */
  withdraw(): Promise<void>
}

const RETRY_MS = 1000

/** A connection that died silently is noticed when the watch is renewed. */
const WATCH_MS = 60_000

/** How often a lease is renewed within its TTL. */
const RENEWALS = 3

/**
 * Registers `entry` as `PREFIX/instances/ID` under a lease that is renewed for as long as the process lives, and calls
 * `onRedisEndpoints` with the value of `PREFIX/redis-endpoint`, now and whenever it changes. An etcd outage is
 * expected: the last endpoint stays in use, and the instance registers again when etcd is back.
 */
export function startDiscovery(
  config: EtcdConfig,
  { id, ...entry }: { id: string; address: string; release: string },
  onRedisEndpoints: (endpoints: Endpoint[]) => void,
  log: Log,
  time: Clock = clock,
): Discovery {
  const etcd = createEtcdClient(config)
  const stopped = new AbortController()
  const { signal } = stopped
  let lease: string | undefined

  /** Runs `attempt` over and over until the instance withdraws; logs once when it starts to fail. */
  async function persist(what: string, attempt: () => Promise<void>): Promise<void> {
    let failing = false
    while (!signal.aborted) {
      try {
        await attempt()
        failing = false
      } catch (error) {
        if (!failing && !signal.aborted) {
          log.warn({ event: 'etcd-unavailable', what, reason: (error as Error).message })
        }
        failing = true
      }
      if (!signal.aborted) await sleep(RETRY_MS, time)
    }
  }

  async function register(): Promise<void> {
    lease = await etcd.grant(config.leaseSeconds)
    if (signal.aborted) return etcd.revoke(lease)
    await etcd.put(`${config.prefix}/instances/${id}`, JSON.stringify(entry), lease)
    log.info({ event: 'registered', id, ...entry })
    while (!signal.aborted) {
      await sleep((config.leaseSeconds * 1000) / RENEWALS, time)
      if (!signal.aborted) await etcd.keepAlive(lease)
    }
  }

  const endpointKey = `${config.prefix}/redis-endpoint`
  let unusable: string | undefined
  async function readEndpoint(): Promise<void> {
    const text = (await etcd.get(endpointKey)) ?? 'nothing'
    const endpoints = parseEndpoints(text.trim())
    if (endpoints?.every(({ host }) => isAllowed(host, config.redisHosts))) {
      unusable = undefined
      return onRedisEndpoints(endpoints)
    }
    if (text === unusable) return
    unusable = text
    const expected = endpoints ? 'hosts of ETCD_REDIS_HOSTS' : 'host:port, or several'
    log.warn({
      event: 'redis-endpoint-unusable',
      key: endpointKey,
      got: shown(text),
      expected,
    })
  }

  void persist('register', register)
  void persist('follow', () =>
    etcd.watch(endpointKey, readEndpoint, AbortSignal.any([signal, AbortSignal.timeout(WATCH_MS)])),
  )

  return {
    async withdraw() {
      stopped.abort()
      if (lease) await etcd.revoke(lease).catch(() => {})
    },
  }
}

/** Without `hosts` every host is allowed, since then there is no password to be told. */
export function isAllowed(host: string, hosts: readonly string[] | undefined): boolean {
  const name = host.toLowerCase()
  return (
    hosts?.some((one) => (one.startsWith('*') ? name.endsWith(one.slice(1)) : name === one)) ?? true
  )
}
