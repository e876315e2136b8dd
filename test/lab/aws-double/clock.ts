/** The control plane's pure waits. Boot, health checks and real draining take their real time. */
export type Wait =
  | 'warmup'
  | 'grace'
  | 'checkpoint'
  | 'bake'
  | 'deregistration'
  | 'stall'
  | 'launch-retry'

/** Tells the time and how long each wait lasts: a pace of 10 makes a wait ten times shorter than on AWS. */
export interface Clock {
  now(): number
  /** Length in milliseconds of a wait that lasts `seconds` on AWS. */
  span(wait: Wait, seconds: number): number
}

export type Pace = Partial<Record<Wait, number>>

export function wallClock(pace: Pace = {}): Clock {
  return {
    now: Date.now,
    span: (wait, seconds) => (seconds * 1000) / (pace[wait] ?? 1),
  }
}
