import { explain, isTransient } from './errors.ts'

const LONGEST_PAUSE_MS = 30_000

/** How an AWS call that gets no answer is retried. */
export interface RetryPolicy {
  pollMs: number
  /** How long to keep trying without an answer. */
  patienceMs: number
  signal: AbortSignal
  note: (text: string) => void
}

/** Sleeps, but not past an abort. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const wake = (): void => resolve()
  signal.addEventListener('abort', wake, { once: true })
  await promise
  clearTimeout(timer)
  signal.removeEventListener('abort', wake)
}

/**
 * Retries `call` through throttling and network failures, with pauses that double from the poll interval up to half a
 * minute, until `patienceMs` runs out; then, and for any other error, throws. Undefined when aborted.
 */
export async function withRetry<T>(
  call: () => Promise<T>,
  { pollMs, patienceMs, signal, note }: RetryPolicy,
): Promise<T | undefined> {
  const deadline = Date.now() + patienceMs
  for (let wait = pollMs; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    try {
      const value = await call()
      return signal.aborted ? undefined : value
    } catch (error) {
      if (signal.aborted) return undefined
      if (!isTransient(error) || Date.now() + wait > deadline) throw error
      note(
        `no answer from AWS yet, trying again in ${(wait / 1000).toFixed(1)} s: ${explain(error)}`,
      )
      await pause(wait, signal)
    }
  }
}
