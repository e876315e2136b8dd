import { existsSync, writeFileSync } from 'node:fs'
import { type Clock, clock, sleep } from './deadline.ts'
import type { Log } from './telemetry/log.ts'
import { createReasons } from './telemetry/reasons.ts'

export type HealthStatus = 'starting' | 'ok' | 'draining'

/** Whether the load balancer should send requests here. */
export interface Health {
  readonly status: HealthStatus
  /** Resolves when the store has, for the first time since boot, been such that it can be read and written. */
  readonly ready: Promise<void>
  /** Switches to `draining`, for good. */
  drain(): void
}

/** The first probe finds no connection yet, so it is soon repeated; later ones wait longer. */
const PROBE_MIN_MS = 5
const PROBE_MAX_MS = 250

/** A connection that takes longer has failed at least once, so that there is a reason to give. */
const QUIET_MS = 2000

/**
 * Health with a latch: `starting` until the store has once been ready for reads and writes since boot, then `ok` whatever happens to the
 * store, so that a store outage never gets instances replaced. `latchFile`, in a folder that a reboot empties, keeps
 * the latch across process restarts.
 */
export function createHealth(
  store: { ping(): Promise<void> },
  log: Log,
  latchFile?: string,
  time: Clock = clock,
): Health {
  let reached = latchFile !== undefined && existsSync(latchFile)
  let draining = false

  const ready = (async () => {
    const reasons = createReasons(log, { event: 'waiting-for-store' })
    const quietUntil = time.now() + QUIET_MS
    let pause = PROBE_MIN_MS
    while (!reached && !draining) {
      try {
        await store.ping()
        reached = true
        if (latchFile) keepLatch(latchFile, log)
      } catch (error) {
        if (time.now() > quietUntil) reasons.say((error as Error).message)
        await sleep(pause, time)
        pause = Math.min(2 * pause, PROBE_MAX_MS)
      }
    }
  })()

  return {
    get status() {
      if (draining) return 'draining'
      return reached ? 'ok' : 'starting'
    },
    ready,
    drain() {
      draining = true
    },
  }
}

function keepLatch(file: string, log: Log): void {
  try {
    writeFileSync(file, '')
  } catch (error) {
    log.warn({ event: 'latch-not-kept', reason: (error as Error).message })
  }
}
