import { Database, SQLiteError } from 'bun:sqlite'
import { afterAll, expect, spyOn, test } from 'bun:test'
import {
  copyFileSync,
  existsSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
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
  // SQLite removes it with the last connection.
  expect(existsSync(`${file}-wal`)).toBe(false)
})

test('a write is synced before it returns, and no other user may read the file', () => {
  const folder = join(stack.use(temporaryFolder()).path, 'state')
  const file = join(folder, `${name}.db`)
  const db = openDatabase(file)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  const pragma = (name: string) => Object.values(db.query(`PRAGMA ${name}`).get() as object)[0]
  const FULL = 2
  expect(pragma('synchronous')).toBe(FULL)
  expect(pragma('journal_mode')).toBe('wal')
  expect(pragma('user_version')).toBe(1)
  // With the answer itself, less than the second that callers are promised.
  expect(pragma('busy_timeout') as number).toBeLessThanOrEqual(500)
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
    expect(reason.cause).toBeInstanceOf(SQLiteError)
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

test('while another process switches a new file to a write-ahead log, it is opened later, but not much', () => {
  const file = join(stack.use(temporaryFolder()).path, `${name}.db`)
  const other = new Database(file)
  other.run('CREATE TABLE other (a)')
  other.run('BEGIN EXCLUSIVE')
  let now = 0
  using _now = spyOn(performance, 'now').mockImplementation(() => now)
  using sleep = spyOn(Bun, 'sleepSync').mockImplementation(() => {
    now += 300
  })
  expect(() => openDatabase(file)).toThrow(`the store ${file}: database is locked`)
  expect(sleep).toHaveBeenCalledTimes(2)
  sleep.mockImplementation(() => void other.run('COMMIT'))
  openDatabase(file).close()
  other.close()
})

test('a ping is a write, of which nothing is left', async () => {
  const file = join(stack.use(temporaryFolder()).path, `${name}.db`)
  const store = openSqlite(file)
  const before = statSync(`${file}-wal`).size
  await store.ping()
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(before)
  using db = new Database(file)
  expect(db.query(`SELECT * FROM ${TABLE}`).all()).toEqual([])
  await store.close()
})

test('all that begins with a prefix comes a thousand at a time, between which others have their turn', async () => {
  const store = openSqlite(join(stack.use(temporaryFolder()).path, `${name}.db`))
  const keys = Array.from({ length: 2500 }, (_, index) => `b:${String(index).padStart(4, '0')}`)
  await Promise.all(['a:', ...keys, 'c:'].map((key) => store.set(key, `of ${key}`)))
  const found: string[][] = []
  let turns = 0
  const turn = () => {
    turns++
    if (found.length < 3) setImmediate(turn)
  }
  turn()
  for await (const { entries, position } of store.pages('b:')) {
    found.push(entries.map(([key]) => key))
    expect(entries.at(-1)).toEqual([position, `of ${position}`])
  }
  expect(found.map(({ length }) => length)).toEqual([1000, 1000, 500])
  expect(found.flat()).toEqual(keys)
  expect(turns).toBeGreaterThanOrEqual(3)
  const rest = (await store.pages('b:', 'b:2498').next()).value?.entries
  expect(rest).toEqual([['b:2499', 'of b:2499']])
  expect(store.pages('b:', 'b:none').next()).rejects.toThrow('no position b:none')
  await store.close()
})

test.each([
  ['database', '', 'removed'],
  ['database', '', 'replaced'],
  ['database', '', 'cut to what it was when it was opened'],
  ['write-ahead log', '-wal', 'removed'],
  ['index of the write-ahead log', '-shm', 'replaced'],
])(
  'when the %s (%s) is %s, it says so within 100 ms, until it is put back',
  async (_, suffix, what) => {
    const file = join(stack.use(temporaryFolder()).path, `${name}.db`)
    let now = 0
    using _now = spyOn(performance, 'now').mockImplementation(() => now)
    const store = openSqlite(file)
    const opened = statSync(file).size
    await store.set('key', 'x'.repeat(100_000))
    using db = new Database(file)
    // The log gets smaller, which is no loss, and the file larger.
    db.run('PRAGMA wal_checkpoint(TRUNCATE)')
    now = 101
    await store.set('key', 'value')
    const [lost, isCut] = [file + suffix, what.startsWith('cut')]
    const move = isCut ? copyFileSync : renameSync
    move(lost, `${lost}.aside`)
    if (what === 'replaced') copyFileSync(`${lost}.aside`, lost)
    if (isCut) truncateSync(lost, opened)
    now = 201
    await store.get('other')
    const refused = `SQLite: ${file} was removed, replaced or cut since it was opened: put it back, or restart`
    now = 202
    for (const verb of [store.get('key'), store.set('key', ''), store.delete('key'), store.ping()])
      await expect(verb).rejects.toThrow(new StoreUnavailable(refused))
    move(`${lost}.aside`, lost)
    now = 302
    await expect(store.get('key')).rejects.toThrow(refused)
    now = 303
    expect(await store.get('key')).toBe('value')
    await store.close()
  },
)
