/** What a worker has answered since it started, in seconds since the epoch: the form of the SSM document `traffic`. */
export interface WorkerCounters {
  started: number
  requests: number
  serverErrors: number
  /** Requests by the longest time they took, in seconds; each counts in the longer ones, too. */
  buckets: Record<string, number>
}

/** The workers of an instance, by port. */
export type Counters = Record<string, WorkerCounters>

/** Requests answered, those that failed through a fault of the server, and those within each bound in seconds. */
export interface Tally {
  requests: number
  failed: number
  within: Map<number, number>
}

/** Reads what the document printed; undefined if it is something else. */
export function readCounters(text: string): Counters | undefined {
  try {
    const read = JSON.parse(text) as Counters
    return Object.values(read).every(isWorker) ? read : undefined
  } catch {
    return undefined
  }
}

/**
 * What was answered from one reading to the next. A worker that was restarted counts from its start; one that could not be
 * read before does not count.
 */
export function since(before: Counters, after: Counters): Tally {
  const known = Object.entries(after).filter(([port]) => before[port])
  return sumOf(known.map(([port, worker]) => [worker, before[port]]))
}

/** What was answered since each worker started. */
export const sinceStart = (counters: Counters): Tally =>
  sumOf(Object.values(counters).map((worker) => [worker, undefined]))

function sumOf(workers: [now: WorkerCounters, before: WorkerCounters | undefined][]): Tally {
  const tally: Tally = { requests: 0, failed: 0, within: new Map() }
  for (const [now, before] of workers) {
    const isSame = before?.started === now.started && before.requests <= now.requests
    const former = isSame ? before : undefined
    tally.requests += now.requests - (former?.requests ?? 0)
    tally.failed += now.serverErrors - (former?.serverErrors ?? 0)
    for (const [bound, count] of Object.entries(now.buckets)) {
      const key = Number(bound)
      const more = count - (former?.buckets[bound] ?? 0)
      tally.within.set(key, (tally.within.get(key) ?? 0) + more)
    }
  }
  return tally
}

const isWorker = (worker: unknown): boolean => {
  const { started, requests, serverErrors, buckets } = (worker ?? {}) as Partial<WorkerCounters>
  const numbers = [
    started,
    requests,
    serverErrors,
    ...Object.values(buckets ?? { none: undefined }),
  ]
  return numbers.every((each) => typeof each === 'number' && each >= 0)
}
