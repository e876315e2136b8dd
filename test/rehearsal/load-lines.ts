import type { Latencies } from './latency.ts'

/** An answer later than this is a failure. */
export const CLIENT_TIMEOUT_MS = 15_000

/** What a request found instead of a right answer in time. `elb` is the load balancer's own answer. */
export type FailureClass =
  | 'connect'
  | 'reset'
  | 'timeout'
  | 'elb 502'
  | 'elb 503'
  | 'elb 504'
  | 'store 503'
  | 'target 5xx'
  | 'unexpected status'
  | 'wrong body'

export interface FailedRequest {
  /** When it was sent, and when the failure was there, in milliseconds since the epoch. */
  sentAt: number
  at: number
  what: FailureClass
  method: string
  /** The instance that answered, where one did. */
  instance?: string
  detail: string
}

/** One second of load, by when the answers were there. */
export interface Second {
  /** Seconds since the epoch. */
  at: number
  /** Right answers by instance. */
  served: Record<string, number>
  failed: FailedRequest[]
  latencies: Latencies
  /** The longest time without a right answer that ended in this second, in milliseconds. */
  gapMs: number
}

/** What the clients found when they read everything back. */
export interface ReadBack {
  /** Writes that were acknowledged during the load. */
  acknowledged: number
  /** Users read at the end. */
  users: number
  /** Users whose last acknowledged write was not there. */
  lost: string[]
}

export type LoadLine = { second: Second } | { readBack: ReadBack }

export interface LoadOptions {
  url: string
  token: string
  /** Requests a second, come what may: half PUT, half GET. */
  rate: number
  /** Closed-loop clients on top. */
  clients: number
}
