import type { Context } from 'hono'

/** One request and what is known about its response; every handler has it as `c.env`. */
export interface Exchange {
  readonly requestId: string
  /** The pattern that matched, so that no user name gets into the log or a metric. */
  route: string
  /** The label of the token that the request bears, where it has one. */
  token: string | undefined
  /** Bytes of the response's body. */
  bytes: number
}

export type AppEnv = { Bindings: Exchange }
export type AppContext = Context<AppEnv>
