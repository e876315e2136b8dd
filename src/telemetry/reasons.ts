import type { Log } from './log.ts'

const PAUSE_MS = 60_000

/** Why something does not work, in the log: each change of reason once, and one line a minute at most. */
export interface Reasons {
  /** Something does not work because of `reason`: said unless it was said last, or another one was within a minute. */
  say(reason: string): void
  /** It works again. True when a reason has been said since it last did. */
  over(): boolean
}

/** Reasons are logged as warnings with `fields`; `now` is a clock in milliseconds. */
export function createReasons(
  log: Log,
  fields: { event: string } & Record<string, string>,
  now: () => number = performance.now.bind(performance),
): Reasons {
  let said: string | undefined
  let saidAt = Number.NEGATIVE_INFINITY
  return {
    say(reason) {
      if (reason === said || now() - saidAt < PAUSE_MS) return
      said = reason
      saidAt = now()
      log.warn({ ...fields, reason })
    },
    over() {
      const wasSaid = said !== undefined
      said = undefined
      return wasSaid
    },
  }
}
