import { Database } from 'bun:sqlite'
import { afterAll, expect, test } from 'bun:test'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { TABLE } from '../../../src/domain/terms.ts'
import { groupCommit } from '../../../src/store/group-commit.ts'
import { StoreUnavailable } from '../../../src/store/key-value.ts'
import { openDatabase, openSqlite } from '../../../src/store/sqlite.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { keepsTheContract, keyOf } from './contract.ts'

const stack = new AsyncDisposableStack()
afterAll(() => stack.disposeAsync())

keepsTheContract(async () => {
  const file = join(stack.use(temporaryFolder()).path, 'state', `${name}.db`)
  const store = openSqlite(file)
  stack.defer(() => store.close())
  return store
})

test('several processes may have the file open', async () => {
  const { path } = stack.use(temporaryFolder())
  const file = join(path, `${name}.db`)
  const [one, two] = [openSqlite(file), openSqlite(file)]
  await one.set(keyOf('Ada'), 'value')
  expect(await two.get(keyOf('Ada'))).toBe('value')
  expect(existsSync(`${file}-wal`)).toBe(true)
  await Promise.all([one.close(), two.close()])
})

test('a write is synced before it returns, and no other user may read the file', () => {
  const file = join(stack.use(temporaryFolder()).path, `${name}.db`)
  const db = openDatabase(file)
  const pragma = (name: string) => Object.values(db.query(`PRAGMA ${name}`).get() as object)[0]
  const FULL = 2
  expect(pragma('synchronous')).toBe(FULL)
  expect(pragma('journal_mode')).toBe('wal')
  for (const name of [file, `${file}-wal`]) expect(statSync(name).mode & 0o777).toBe(0o600)
  db.close()
})

test('writes that arrive together are one transaction, also when the store is closed in the same turn', async () => {
  const file = join(stack.use(temporaryFolder()).path, `${name}.db`)
  const [store, other] = [openSqlite(file), openSqlite(file)]
  const walBytes = () => statSync(`${file}-wal`).size
  const before = walBytes()
  const saves = Array.from({ length: 100 }, (_, day) => store.set(keyOf('Ada'), `value ${day}`))
  const closed = store.close()
  await Promise.all([...saves, closed])
  // A transaction writes each page that it changes once: a hundred of them would write a hundred pages of 4 KiB.
  expect(walBytes() - before).toBeLessThan(10 * 4096)
  expect(await other.get(keyOf('Ada'))).toBe('value 99')
  await other.close()
})

test('while another process holds the lock, it opens and is not ready, writes that arrive together fail together, and later ones succeed', async () => {
  const file = join(stack.use(temporaryFolder()).path, `${name}.db`)
  const other = openDatabase(file)
  other.run('BEGIN IMMEDIATE')
  const store = openSqlite(file)
  const timed = async (writes: Promise<void>[]) => {
    const startedAt = performance.now()
    const outcomes = await Promise.allSettled(writes)
    return { outcomes, tookMs: performance.now() - startedAt }
  }
  await expect(store.ping()).rejects.toThrow('SQLite: database is locked')
  const alone = await timed([store.set('key', '0')])
  const { outcomes, tookMs } = await timed([1, 2, 3].map((n) => store.set('key', String(n))))
  // Each for itself, they would take three times as long.
  expect(tookMs).toBeLessThan(2 * alone.tookMs)
  for (const outcome of outcomes) {
    const { reason } = outcome as PromiseRejectedResult
    expect(reason).toBeInstanceOf(StoreUnavailable)
    expect(reason.message).toBe('SQLite: database is locked')
  }
  other.run('COMMIT')
  expect(await store.get('key')).toBeNull()
  await store.set('key', '4')
  expect(await store.get('key')).toBe('4')
  await store.ping()
  expect(other.query(`SELECT key FROM ${TABLE}`).values()).toEqual([['key']])
  other.close()
  await store.close()
})

test('a transaction that does not fit on the disk fails each of its writes, and keeps none', async () => {
  const db = openDatabase(join(stack.use(temporaryFolder()).path, `${name}.db`))
  db.run('PRAGMA max_page_count = 4')
  const commit = groupCommit(db)
  const insert = (key: string, value: string) =>
    commit(() => db.run(`INSERT INTO ${TABLE} VALUES (?, ?)`, [key, value]))
  await insert('first', 'kept')
  const outcomes = await Promise.allSettled([
    insert('second', 'small'),
    insert('third', 'x'.repeat(50_000)),
    insert('fourth', 'small'),
  ])
  for (const outcome of outcomes) {
    expect((outcome as PromiseRejectedResult).reason.message).toBe('database or disk is full')
  }
  await insert('fifth', 'kept')
  expect(db.query(`SELECT key FROM ${TABLE} ORDER BY key`).values().flat()).toEqual([
    'fifth',
    'first',
  ])
  db.close()
})

test('a file that is not a database is refused by name', () => {
  const file = join(stack.use(temporaryFolder()).path, `${name}.db`)
  writeFileSync(file, 'not a database, but long enough to be mistaken for one '.repeat(50))
  expect(() => openSqlite(file)).toThrow(`the store ${file}: file is not a database`)
})

test('a file with another schema version is refused by name', () => {
  const file = join(stack.use(temporaryFolder()).path, `${name}.db`)
  const db = new Database(file)
  db.run('PRAGMA user_version = 2')
  db.close()
  expect(() => openSqlite(file)).toThrow(
    `the store ${file}: its schema has version 2; this release reads 1`,
  )
})
