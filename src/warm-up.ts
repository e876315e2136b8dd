import Registry from 'prom-client/lib/registry.js'
import { createApp } from './app.ts'
import type { Config } from './config/config.ts'
import { createToken, parseTokenHashes } from './config/tokens.ts'
import { OPERATIONS, storeIn } from './domain/store.ts'
import { EXAMPLE } from './domain/terms.ts'
import { release } from './release.ts'
import { measured } from './store/measured.ts'
import { createMemoryStore } from './store/memory.ts'
import { createLog } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'

/** How often each of PUT and GET is served; more costs the start more than it saves the first requests. */
const ROUNDS = 300

/**
 * Serves requests to an app like the one of `config`, but with a store in memory and a log and metrics of its own: the
 * two share their code, so the first real requests meet it compiled. Throws when one fails.
 */
export async function warmUp(config: Config, create = createApp): Promise<void> {
  const metrics = createMetrics(release, new Registry())
  const { environment, instanceId: instance } = config
  const nowhere = { write() {}, flush() {} }
  const { log } = createLog('info', { environment, instance, release: release.id }, nowhere)
  const { token, entry } = createToken('write')
  const serve = create({
    config: { ...config, tokens: parseTokenHashes(entry) ?? [] },
    release,
    store: measured(storeIn(createMemoryStore()), OPERATIONS, metrics),
    health: { status: 'ok', ready: Promise.resolve(), drain() {} },
    currentDay: () => Temporal.Now.plainDateISO('UTC'),
    log,
    metrics,
  })
  const url = `http://localhost${EXAMPLE.path}`
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  const { body } = EXAMPLE
  const put = {
    method: 'PUT',
    headers: { ...headers, 'Content-Length': `${Buffer.byteLength(body)}` },
    body,
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const request of [new Request(url, put), new Request(url, { headers })]) {
      const { ok, status } = await serve(request)
      if (!ok)
        throw new Error(`${request.method} answers ${status} to the warm-up, expected success`)
    }
  }
}
