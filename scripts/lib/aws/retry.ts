import { EXIT, Stop } from '../cli/errors.ts'
import { classifyError, explain, isTransient, isUnknownHost, LostAnswer } from './errors.ts'

const LONGEST_PAUSE_MS = 30_000

/** No call lasts longer, with the SDK's own retries; what does was interrupted by a suspended machine. */
const LONGEST_CALL_MS = 240_000

/** How an AWS call that gets no answer is retried. */
export interface RetryPolicy {
  pollMs: number
  /** How long to keep trying without an answer. */
  patienceMs: number
  signal: AbortSignal
  note: (text: string) => void
  /** Fails at once if there is no such host, as with a mistyped region: nothing was started that must be followed. */
  demandsHost?: boolean
}

/** Ctrl-C, or another signal that ends a command. */
export class Interrupted extends Stop {
  constructor() {
    super('interrupted', EXIT.interrupted)
  }
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
 * minute, until `patienceMs` runs out; then, and for any other error, throws. Throws `Interrupted` when aborted. While the
 * machine sleeps, patience lasts.
 */
export async function withRetry<T>(
  call: () => Promise<T>,
  { pollMs, patienceMs, signal, note, demandsHost }: RetryPolicy,
): Promise<T> {
  let spent = 0
  for (let wait = pollMs; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    const began = Date.now()
    try {
      const value = await call()
      if (signal.aborted) throw new Interrupted()
      return value
    } catch (error) {
      if (signal.aborted) throw new Interrupted()
      spent += wait + Math.min(Date.now() - began, LONGEST_CALL_MS)
      if (!isTransient(error) || spent > patienceMs || (demandsHost && isUnknownHost(error)))
        throw error
      note(
        `no answer from AWS yet, trying again in ${(wait / 1000).toFixed(1)} s: ${explain(error)}`,
      )
      await pause(wait, signal)
    }
  }
}

/**
 * The same for a call that changes something: throws `LostAnswer` if AWS may have carried it out, for an attempt got no
 * answer, and can no longer be asked.
 */
export async function withChange<T>(call: () => Promise<T>, policy: RetryPolicy): Promise<T> {
  let mayBeDone = false
  const attempt = async (): Promise<T> => {
    try {
      return await call()
    } catch (error) {
      mayBeDone ||= isTransient(error)
      throw error
    }
  }
  return await withRetry(attempt, policy).catch((error: Error) => {
    const isRefused = classifyError(error) === 'other' && !isTransient(error)
    throw mayBeDone && !isRefused ? new LostAnswer(error) : error
  })
}
