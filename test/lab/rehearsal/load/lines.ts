import type { Latencies } from '../../../../scripts/lib/probe/histogram.ts'

/** A response later than this is a failure. */
export const CLIENT_TIMEOUT_MS = 15_000

/** What a request got instead of a correct response in time. `elb` is the load balancer's own response. */
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
  /** When it was sent and when it failed, in milliseconds since the epoch. */
  sentAt: number
  at: number
  what: FailureClass
  method: string
  /** The instance that answered, if any. */
  instance?: string
  detail: string
}

/** One second of load; a request counts when its response arrives. */
export interface Second {
  /** Seconds since the epoch. */
  at: number
  /** Correct responses by instance. */
  served: Record<string, number>
  failed: FailedRequest[]
  latencies: Latencies
  /** The longest time without a correct response that ended in this second, in milliseconds. */
  gapMs: number
}

/** What the clients found when they read everything back. */
export interface ReadBack {
  /** Writes that were acknowledged during the load. */
  acknowledged: number
  /** Users read at the end. */
  users: number
  /** Users whose last acknowledged write was missing. */
  lost: string[]
}

export type LoadLine = { second: Second } | { readBack: ReadBack }

export interface LoadOptions {
  url: string
  token: string
  /** Requests per second, regardless of earlier ones: half PUT, half GET. */
  rate: number
  /** Additional closed-loop clients. */
  clients: number
  /** The file that gets all reads and writes with their times. */
  history: string
  /** What the names of users begin with, in letters, so that several loads have users of their own. */
  users?: string
}
