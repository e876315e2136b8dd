import { type Config, ConfigError } from './config/config.ts'
import type { Log } from './telemetry/log.ts'

interface Dependencies {
  /** What the service runs with: its tokens, and etcd's password, are replaced. */
  config: Config
  /** The configuration as it is now; throws `ConfigError` when it is no longer valid. */
  reread(): Promise<Config>
  /** Takes up the store's password. */
  followPassword(password: string): void
  log: Log
}

/**
 * Returns what reads the secrets again and takes up those that have changed; nothing is taken up of a configuration
 * with a problem. One call waits for the other, and none rejects.
 */
export function createReload({ config, reread, followPassword, log }: Dependencies) {
  let last = Promise.resolve()

  async function reload(): Promise<void> {
    const next = await reread().catch((error: Error) => {
      const problems = error instanceof ConfigError ? error.problems : [error.message]
      log.warn({ event: 'secrets-kept', problems })
    })
    if (!next) return
    if (next.tokens && !Bun.deepEquals(next.tokens, config.tokens)) {
      config.tokens = next.tokens
      const tokens = next.tokens.map(({ scope, label, madeOn }) => ({ scope, label, madeOn }))
      log.info({ event: 'tokens-replaced', tokens })
    }
    if (next.redis?.password) followPassword(next.redis.password)
    if (config.etcd && next.etcd?.password) config.etcd.password = next.etcd.password
  }

  return (): Promise<void> => {
    last = last.then(reload)
    return last
  }
}
