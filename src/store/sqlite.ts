import { Database, SQLiteError } from 'bun:sqlite'
import { closeSync, mkdirSync, openSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate as turnEnds } from 'node:timers/promises'
import { TABLE } from '../domain/terms.ts'
import { groupCommit } from './group-commit.ts'
import { type Entry, type ScannableStore, StoreUnavailable, unknownPosition } from './key-value.ts'

/** Below the second within which the service answers. */
const BUSY_TIMEOUT_MS = 500
const RETRY_MS = 5

const PAGE_ENTRIES = 1000

/** Only a commit shows that there is room on the disk, and no lock; nothing of this key is left in it. */
const PROBE = 'probe'

/** How often the files are compared with those that were opened, which takes 10 µs. */
const LOOK_MS = 100

/** Schema version, in the file's `user_version`. */
export const SCHEMA_VERSION = 1

/**
 * Opens the embedded store in `file`, creating it and its folder. Several processes may share the file.
 * Throws, naming the file, when it cannot be opened, or was written by a release with another schema.
 */
export function openSqlite(file: string): ScannableStore {
  const db = openDatabase(file)
  const attempt = attempting(watch(file))
  const select = db.query<{ value: string }, [string]>(`SELECT value FROM ${TABLE} WHERE key = ?`)
  const upsert = db.query(
    `INSERT INTO ${TABLE} (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
  )
  const remove = db.query(`DELETE FROM ${TABLE} WHERE key = ?`)
  const page = db.query<{ key: string; value: string }, [string, string]>(
    `SELECT key, value FROM ${TABLE} WHERE key > ? AND key < ? ORDER BY key LIMIT ${PAGE_ENTRIES}`,
  )
  const commit = groupCommit(db)

  return {
    get: attempt(async (key: string) => select.get(key)?.value ?? null),
    set: attempt(async (key: string, value: string) => {
      await commit(() => upsert.run(key, value))
    }),
    delete: attempt((key: string) => commit(() => remove.run(key).changes > 0)),
    ping: attempt(() =>
      commit(() => {
        upsert.run(PROBE, '')
        remove.run(PROBE)
      }),
    ),
    async *pages(prefix, from = prefix) {
      const next = attempt(async (after: string) => page.all(after, `${prefix}\x7f`))
      if (from !== prefix && !select.get(from)) throw unknownPosition(from)
      for (let position = from; ; ) {
        const rows = await next(position)
        const last = rows.at(-1)
        if (!last) return
        position = last.key
        yield { entries: rows.map(({ key, value }): Entry => [key, value]), position }
        await turnEnds()
      }
    },
    async close() {
      await turnEnds()
      db.close()
    },
  }
}

/** Opens `file` with its tables, set up so that a write is on disk when it returns. */
export function openDatabase(file: string): Database {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // SQLite would make it readable to everybody; the files next to it inherit its mode.
    closeSync(openSync(file, 'a', 0o600))
    const db = new Database(file)
    db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    retryWhileBusy(() => db.run('PRAGMA journal_mode = WAL'))
    db.run('PRAGMA synchronous = FULL')
    migrate(db)
    return db
  } catch (error) {
    throw new Error(`the store ${file}: ${(error as Error).message}`, { cause: error })
  }
}

/** The busy timeout does not cover two processes that switch a new file to WAL at once. */
function retryWhileBusy<T>(attempt: () => T): T {
  const deadline = performance.now() + BUSY_TIMEOUT_MS
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      const isBusy = error instanceof SQLiteError && error.code === 'SQLITE_BUSY'
      if (!isBusy || performance.now() > deadline) throw error
      Bun.sleepSync(RETRY_MS)
    }
  }
}

/** The version of the schema in `db`, a number; 0 in a new file. */
export const schemaVersionOf = (db: Database): number | undefined =>
  db.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version

function migrate(db: Database): void {
  // Another process may hold the lock, and most starts need none.
  if (schemaVersionOf(db) === SCHEMA_VERSION) return
  db.transaction(() => {
    const found = schemaVersionOf(db)
    if (found === SCHEMA_VERSION) return
    if (found !== 0) {
      throw new Error(`its schema has version ${found}; this release reads ${SCHEMA_VERSION}`)
    }
    db.run(
      `CREATE TABLE ${TABLE} (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID`,
    )
    db.run(`PRAGMA user_version = ${SCHEMA_VERSION}`)
  }).immediate()
}

/**
 * Returns what throws when `file`, or one that SQLite keeps beside it, is not the one that was opened, or when `file` is smaller
 * than it was: SQLite would go on reading and writing what nobody finds again. A checkpoint may make the log smaller.
 */
function watch(file: string): () => void {
  const files = ['', '-wal', '-shm'].map((suffix) => watchOne(file + suffix))
  let lookedAt = performance.now()
  let isThere = true
  return () => {
    const now = performance.now()
    if (now - lookedAt > LOOK_MS) {
      lookedAt = now
      isThere = files.every((isSame) => isSame())
    }
    if (isThere) return
    throw new StoreUnavailable(
      `SQLite: ${file} was removed, replaced or cut since it was opened: put it back, or restart`,
    )
  }
}

function watchOne(file: string): () => boolean {
  const opened = statSync(file)
  let largest = opened.size
  return () => {
    const found = look(file)
    if (!found || found.ino !== opened.ino || found.dev !== opened.dev) return false
    if (found.size < largest && !file.endsWith('-wal')) return false
    largest = found.size
    return true
  }
}

function look(file: string): Stats | undefined {
  try {
    return statSync(file)
  } catch {
    return undefined
  }
}

/** A full, locked or lost disk is an expected event, not a bug. */
const attempting =
  (mustBeThere: () => void) =>
  <A extends unknown[], R>(verb: (...args: A) => Promise<R>): ((...args: A) => Promise<R>) =>
  async (...args) => {
    try {
      mustBeThere()
      return await verb(...args)
    } catch (error) {
      throw error instanceof SQLiteError
        ? new StoreUnavailable(`SQLite: ${error.message}`, { cause: error })
        : error
    }
  }
