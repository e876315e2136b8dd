import type { Config } from './config/config.ts'
import { domainApi } from './domain/openapi.ts'
import { domainRoutes } from './domain/routes.ts'
import type { Store } from './domain/store.ts'
import type { Health } from './health.ts'
import { createBodyReader } from './http/body.ts'
import { createErrorHandler } from './http/errors.ts'
import { instrumented } from './http/instrument.ts'
import { openapiDocument } from './http/openapi.ts'
import { createResponder } from './http/respond.ts'
import { createRouter, type Routes } from './http/routes.ts'
import { pageRoutes } from './pages/routes.ts'
import type { Release } from './release.ts'
import type { Log } from './telemetry/log.ts'
import type { Metrics } from './telemetry/metrics.ts'

export interface AppDependencies {
  config: Pick<Config, 'environment' | 'instanceId' | 'tokens' | 'requestTimeoutSeconds' | 'tls'>
  release: Release
  store: Store
  health: Health
  currentDay: () => Temporal.PlainDate
  log: Log
  metrics: Metrics
}

/** The service as a function of its dependencies; nothing is opened here. */
export function createApp(dependencies: AppDependencies): (request: Request) => Promise<Response> {
  const { config, release, health, log } = dependencies
  const respond = createResponder(dependencies)
  const { jsonOf, discardBody } = createBodyReader(config.requestTimeoutSeconds)
  const version = {
    version: release.id,
    commit: release.commit,
    builtAt: release.builtAt,
    environment: config.environment,
    instance: config.instanceId,
    bun: Bun.version,
  }
  const routes = {
    ...domainRoutes({ ...dependencies, respond, jsonOf }),
    // Never asks the store: see health.ts.
    '/hc': {
      GET: (c) => respond.json(c, { status: health.status }, health.status === 'ok' ? 200 : 503),
    },
    '/version': { GET: (c) => respond.json(c, version) },
    ...pageRoutes(respond, () => openapiDocument(release, domainApi)),
  } satisfies Routes
  return instrumented(
    createRouter(routes, createErrorHandler(respond, discardBody, log)),
    dependencies,
  )
}
