import { type Config, ConfigError } from './config/config.ts'
import { fingerprintOf } from './config/tokens.ts'
import type { Log } from './telemetry/log.ts'

interface Dependencies {
  /** What the service runs with: its tokens, and etcd's password, are replaced. */
  config: Config
  /** The configuration as it is now; throws `ConfigError` when it is no longer valid. */
  reread(): Promise<Config>
  /** Takes up the store's password. */
  followPassword(password: string): void
  /** The password with which the store serves. */
  passwordInUse(): string | undefined
  log: Log
}

/** The secrets that are in use, and when they were read, in seconds since 1970. */
interface SecretsInUse {
  fingerprint: string
  readAt: number
}

/**
 * `reload` reads the secrets again and takes up those that have changed; nothing is taken up of a configuration with a
 * problem. One call waits for the other, and none rejects. `inUse` says which are: while the store has not taken up its
 * new password, still the former ones.
 */
export function createReload(dependencies: Dependencies) {
  const { config, reread, followPassword, passwordInUse, log } = dependencies
  let last = Promise.resolve()
  let read = { password: config.redis?.password, at: Date.now() / 1000 }
  let known = inUseSince()

  async function reload(): Promise<void> {
    const at = Date.now() / 1000
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
    read = { password: next.redis?.password, at }
  }

  function inUseSince(): SecretsInUse {
    return { fingerprint: fingerprintOf(config.tokens, read.password), readAt: read.at }
  }

  return {
    reload(): Promise<void> {
      last = last.then(reload)
      return last
    },
    inUse(): SecretsInUse {
      if (passwordInUse() === read.password) known = inUseSince()
      return known
    },
  }
}
