import type { Context } from 'hono'
import type { Config } from './config/config.ts'
import type { Health } from './health.ts'
import type { Release } from './release.ts'
import type { Store } from './store/store.ts'
import type { Log } from './telemetry/log.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** What the app depends on. */
export interface AppDependencies {
  config: Pick<
    Config,
    'environment' | 'instance' | 'timeZone' | 'tokens' | 'requestTimeoutSeconds' | 'tls'
  >
  release: Release
  store: Store
  health: Health
  log: Log
  metrics: Metrics
}

/** One request and what is known about its response; every handler has it as `c.env`. */
export interface Exchange {
  readonly requestId: string
  readonly dependencies: Pick<AppDependencies, 'config' | 'health' | 'log' | 'release'>
  /** The pattern that matched, so that no user name gets into the log or a metric. */
  route: string
  /** The label of the token that the request bears, where it has one. */
  token: string | undefined
  /** Bytes of the response's body. */
  bytes: number
}

export type AppEnv = { Bindings: Exchange }
export type AppContext = Context<AppEnv>
