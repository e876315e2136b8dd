import { Database } from 'bun:sqlite'
import { closeSync, existsSync, fsyncSync, lstatSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { name } from '../package.json'
import type { Config } from './config/config.ts'
import { TABLE } from './domain/terms.ts'
import { SCHEMA_VERSION, schemaVersionOf } from './store/sqlite.ts'

/**
 * Copies the SQLite store into the new `file`, as it is at one moment, while the service serves; returns the number of records
 * once the copy is on disk. Until it is whole it is called FILE.PID.part. Throws an error that says what to do when there is
 * no such store, or `file` exists.
 */
export function backUp(file: string, { redis, stateDirectory }: Config): number {
  if (redis) {
    throw new Error(
      `backup: the store is Redis, which makes its own: redis-cli --rdb ${file}; or: ${name} export >${file}`,
    )
  }
  const store = resolve(stateDirectory, `${name}.db`)
  if (!existsSync(store))
    throw new Error(`backup: there is no store at ${store}: set STATE_DIRECTORY`)
  const target = resolve(file)
  // SQLite takes FILE-journal and the like for its own.
  if (target.startsWith(store))
    throw new Error(`backup: ${file} has a name of the store's own files: choose another`)
  const part = `${target}.${process.pid}.part`
  const db = openStore(store)
  try {
    if (lstatSync(target, { throwIfNoEntry: false }))
      throw new Error('it exists: choose a new one, or remove it')
    // Of nobody else: a copy of what is nobody else's. SQLite writes into a file that is empty.
    closeSync(openSync(part, 'wx', 0o600))
    db.query('VACUUM INTO ?').run(part)
    synchronise(part)
    const records = recordsIn(part)
    renameSync(part, target)
    synchronise(dirname(target))
    return records
  } catch (error) {
    for (const each of [part, `${part}-journal`]) if (existsSync(each)) rmSync(each)
    throw new Error(`backup: ${file}: ${(error as Error).message}`, { cause: error })
  } finally {
    db.close()
  }
}

function openStore(store: string): Database {
  try {
    const db = new Database(store, { readwrite: true, create: false })
    const found = schemaVersionOf(db)
    if (found === SCHEMA_VERSION) return db
    throw new Error(`its schema has version ${found}, not ${SCHEMA_VERSION}`)
  } catch (error) {
    throw new Error(`backup: the store ${store}: ${(error as Error).message}`, { cause: error })
  }
}

function synchronise(path: string): void {
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

function recordsIn(file: string): number {
  using db = new Database(file, { readonly: true })
  return db.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${TABLE}`).get()?.n ?? 0
}
