import type { Database } from 'bun:sqlite'

/** Runs a write in the transaction of this turn; resolves with what it returned once that is on disk. */
export type Commit = <R>(write: () => R) => Promise<R>

interface Waiting {
  write(): unknown
  resolve(result: unknown): void
  reject(error: unknown): void
}

/**
 * Writes to `db` in groups: the writes of one event loop turn are one transaction, in their order, with one sync of the
 * disk. Syncing blocks the event loop, so the requests that arrive meanwhile are the next group. A transaction that
 * fails rejects each of its writes with the error, and leaves nothing of them.
 */
export function groupCommit(db: Database): Commit {
  let group: Waiting[] = []
  const run = db.transaction((writes: Waiting[]) => writes.map(({ write }) => write()))

  function flush(): void {
    const writes = group
    group = []
    try {
      // Immediate: waits for the lock of another process before it reads, since later SQLite would refuse at once.
      const results = run.immediate(writes)
      for (const [index, { resolve }] of writes.entries()) resolve(results[index])
    } catch (error) {
      for (const { reject } of writes) reject(error)
    }
  }

  return <R>(write: () => R) =>
    new Promise<R>((resolve, reject) => {
      if (group.length === 0) setImmediate(flush)
      group.push({ write, resolve: resolve as Waiting['resolve'], reject })
    })
}
