import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import Registry from 'prom-client/lib/registry.js'
import { createAdminApp } from './admin.ts'
import { createApp } from './app.ts'
import { watchCertificate } from './certificate.ts'
import type { Config } from './config/config.ts'
import { IDLE_TIMEOUT_SECONDS } from './config/timeouts.ts'
import { type Discovery, startDiscovery } from './discovery/discovery.ts'
import { OPERATIONS, storeIn } from './domain/store.ts'
import { createHealth } from './health.ts'
import { listen } from './http/listen.ts'
import { openNotify } from './notify.ts'
import { release } from './release.ts'
import { createReload } from './reload.ts'
import { answers, type KeyValueStore } from './store/key-value.ts'
import { measured } from './store/measured.ts'
import { openStore } from './store/open.ts'
import type { Log } from './telemetry/log.ts'
import { addRuntime, createMetrics, registerMachine, registerSecrets } from './telemetry/metrics.ts'
import { openTimeZone } from './time-zone.ts'
import { warmUp } from './warm-up.ts'

export interface Service {
  url: string
  adminUrl: string
  /**
   * Stops gracefully: unhealthy and deregistered at once, still serving for `drainSeconds`, then finishing requests in
   * flight, up to the request timeout. Resolves when everything is closed.
   */
  stop(drainSeconds: number): Promise<void>
  /** Reads the secrets again. Never rejects. */
  reload(): Promise<void>
  /** Ends the drain of a stop in progress; requests in flight still get their time. */
  endDrain(): void
}

/** Time to close after the last request; a drain set longer than the unit expects must not be cut short. */
const CLOSING_SECONDS = 5

/** Far above our own limit, so that a body that is too large gets our problem document. */
const MAX_REQUEST_BODY_BYTES = 1024 ** 3

/** Where the latch of /hc is kept, in a folder that a reboot empties. */
const LATCH_FILE = 'store-reached'

/** Each connection takes one; without any left, Bun tries over and over to accept the next, and says nothing. */
const OPEN_FILES_MIN = 1024

/** When the metrics of the runtime are added: loading them should not keep the first requests waiting. */
const RUNTIME_METRICS_MS = 500

/** How long a worker waits for its store before it listens; without one it still has to say so at /hc. */
const FIRST_ANSWER_MS = 500
const FIRST_ANSWER_PAUSE_MS = 1

/**
 * Opens the store and the listeners; `reread` reads the configuration again, for secrets that have changed. Throws when
 * one of them cannot be opened.
 */
export async function startService(
  config: Config,
  log: Log,
  reread: () => Promise<Config>,
): Promise<Service> {
  warnOfFewFiles(log)
  const registry = new Registry()
  const metrics = createMetrics(release, registry)
  const timeZone = await openTimeZone(config.timezone)
  registerMachine(registry, {
    ...timeZone,
    zone: config.timezone,
    certificate: config.tls && watchCertificate(config.tls, log),
  })
  const { records, followEndpoints, ...password } = openStore(config, log)
  const { reload, inUse } = createReload({ config, reread, ...password, log })
  registerSecrets(registry, inUse)
  const store = measured(storeIn(records), OPERATIONS, metrics)
  const health = createHealth(
    store,
    log,
    config.runtimeDirectory && join(config.runtimeDirectory, LATCH_FILE),
  )
  const notify = await openNotify(config.notifySocket, log)
  const app = createApp({
    config,
    release,
    store,
    health,
    currentDay: timeZone.currentDay,
    log,
    metrics,
  })
  const admin = createAdminApp(store, metrics)
  await warmUp(config)
  await firstAnswer(records)

  const server = listen('PORT', {
    port: config.port,
    hostname: config.bindAddress,
    reusePort: true,
    development: false,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    maxRequestBodySize: MAX_REQUEST_BODY_BYTES,
    fetch: app,
    ...(config.tls && {
      tls: { cert: Bun.file(config.tls.certFile), key: Bun.file(config.tls.keyFile) },
    }),
  })
  const adminServer = listen('ADMIN_PORT', {
    port: config.adminPort,
    hostname: '127.0.0.1',
    development: false,
    // With development: false Bun shares a port unless told not to, and one worker would hide another.
    reusePort: false,
    fetch: (request) => admin.fetch(request),
  })

  let discovery: Discovery | undefined
  if (config.etcd) {
    const id = `${config.instanceId}:${adminServer.port}`
    const address = config.advertiseAddress ?? `${hostname()}:${server.port}`
    const entry = { id, address, release: release.id }
    discovery = startDiscovery(config.etcd, entry, followEndpoints, log)
  }

  setTimeout(() => addRuntime(registry), RUNTIME_METRICS_MS).unref()

  notify('READY=1\nSTATUS=waiting for the store')
  void health.ready.then(() => notify(`STATUS=serving release ${release.id}`))
  const watchdog =
    config.watchdogUsec && setInterval(() => notify('WATCHDOG=1'), config.watchdogUsec / 2000)

  const { secretsRereadSeconds } = config
  const rereading = secretsRereadSeconds > 0 && setInterval(reload, secretsRereadSeconds * 1000)

  const drainEnded = Promise.withResolvers<void>()
  return {
    url: String(server.url),
    adminUrl: String(adminServer.url),
    async stop(drainSeconds) {
      health.drain()
      const allowance = drainSeconds + config.requestTimeoutSeconds + CLOSING_SECONDS
      notify(
        `STOPPING=1\nSTATUS=draining for ${drainSeconds} s\nEXTEND_TIMEOUT_USEC=${allowance * 1e6}`,
      )
      await discovery?.withdraw()
      await Promise.race([Bun.sleep(drainSeconds * 1000), drainEnded.promise])
      await finish(server, config.requestTimeoutSeconds)
      await adminServer.stop(true)
      await store.close()
      if (watchdog) clearInterval(watchdog)
      if (rereading) clearInterval(rereading)
    },
    reload,
    endDrain: drainEnded.resolve,
  }
}

/**
 * Resolves when the store answers, or after `FIRST_ANSWER_MS`. The kernel gives a worker requests as soon as it listens:
 * one that was restarted would fail those that come before its own connection to the store. Meanwhile the event loop turns,
 * so that a signal that came before ends the start.
 */
async function firstAnswer(records: KeyValueStore): Promise<void> {
  const until = performance.now() + FIRST_ANSWER_MS
  while (!(await answers(records)) && performance.now() < until)
    await Bun.sleep(FIRST_ANSWER_PAUSE_MS)
}

function warnOfFewFiles(log: Log): void {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const limit = Number(/^Max open files +(\d+)/m.exec(limits)?.[1])
  if (limit < OPEN_FILES_MIN)
    log.warn({ event: 'few-open-files', limit, expected: OPEN_FILES_MIN, change: 'ulimit -n' })
}

/** Takes no new connections; requests in flight have `seconds` to finish, then they are cut off. */
async function finish(server: Bun.Server<undefined>, seconds: number): Promise<void> {
  const deadline = Bun.sleep(seconds * 1000).then(() => server.stop(true))
  await Promise.race([server.stop(), deadline])
}
