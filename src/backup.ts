import { Database } from 'bun:sqlite'
import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { name } from '../package.json'
import type { Config } from './config/config.ts'

/**
 * Copies the SQLite store into the new `file`, as it is at one moment, while the service serves; resolves once the copy is
 * on disk. Throws an error that says what to do when there is no such store, or `file` exists.
 */
export function backUp(file: string, { redis, stateDirectory }: Config): void {
  if (redis) {
    throw new Error(
      `backup: the store is Redis, which makes its own: redis-cli --rdb ${file}; or: ${name} export >${file}`,
    )
  }
  const store = join(stateDirectory, `${name}.db`)
  if (!existsSync(store))
    throw new Error(`backup: there is no store at ${store}: set STATE_DIRECTORY`)
  // Of nobody else: a copy of what is nobody else's.
  process.umask(0o077)
  const db = new Database(store, { readwrite: true, create: false })
  try {
    db.query('VACUUM INTO ?').run(file)
  } catch (error) {
    throw new Error(`backup: ${file}: ${(error as Error).message}`, { cause: error })
  } finally {
    db.close()
  }
  for (const path of [file, dirname(file)]) {
    const descriptor = openSync(path, 'r')
    fsyncSync(descriptor)
    closeSync(descriptor)
  }
}
