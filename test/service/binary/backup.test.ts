import { expect, test } from 'bun:test'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { name as service } from '../../../package.json'
import { run, succeed } from '../../lab/support/command.ts'
import { executable, healthy, runExecutable, startService } from '../../lab/support/executable.ts'
import { missing, putLoad } from '../../lab/support/load.ts'
import { end, eventually, temporaryFolder } from '../../lab/support/process.ts'
import { startRedis } from '../../lab/support/redis.ts'

test('SQLite: the store is destroyed under load, and what was acknowledged before the backup comes back', async () => {
  using folder = temporaryFolder()
  using elsewhere = temporaryFolder()
  const copy = join(elsewhere.path, 'backup.db')
  const env = { STATE_DIRECTORY: folder.path }
  const running = await startService(env)
  await healthy(running)
  const load = putLoad(running.url)
  await eventually('there is something to lose', () => load.outcomes.length > 2000, {
    withinMs: 30_000,
  })
  const before = [...load.outcomes]
  const made = await runExecutable(['backup', copy], { env })
  expect(made).toMatchObject({ code: 0, out: '' })
  const [, records] = /^\w+: backup: (\d+) records in /.exec(made.err) ?? []
  expect(Number(records)).toBeGreaterThanOrEqual(before.length)
  expect(readdirSync(elsewhere.path)).toEqual(['backup.db'])
  expect(statSync(copy).mode & 0o077).toBe(0)
  const goesOn = load.outcomes.length + 500
  await eventually('writes go on after the backup', () => load.outcomes.length > goesOn)
  // The log of SQLite, which has what the file has not, is destroyed as well.
  expect(readdirSync(folder.path)).toContain(`${service}.db-wal`)
  await end(running.child)
  await load.stop()
  for (const file of readdirSync(folder.path)) rmSync(join(folder.path, file), { recursive: true })

  copyFileSync(copy, join(folder.path, `${service}.db`))
  await using again = await startService(env)
  await healthy(again)
  expect(before.length).toBeGreaterThan(2000)
  expect(await missing(again.url, before)).toEqual([])
  await running[Symbol.asyncDispose]()
}, 90_000)

test('Redis: the store is destroyed under load, and what was acknowledged before the backup comes back', async () => {
  using elsewhere = temporaryFolder()
  const copy = join(elsewhere.path, 'backup.rdb')
  await using redis = await startRedis()
  await using running = await startService({ REDIS_ENDPOINT: redis.endpoint })
  await healthy(running)
  const load = putLoad(running.url)
  await eventually('there is something to lose', () => load.outcomes.length > 2000, {
    withinMs: 30_000,
  })
  const before = [...load.outcomes]
  await succeed(['redis-cli', '-p', String(redis.port), '--rdb', copy])
  const goesOn = load.outcomes.length + 500
  await eventually('writes go on after the backup', () => load.outcomes.length > goesOn)
  await end(redis.child)
  await load.stop()
  for (const file of readdirSync(redis.folder))
    if (/\.rdb$|^appendonly/.test(file)) rmSync(join(redis.folder, file), { recursive: true })

  copyFileSync(copy, join(redis.folder, 'dump.rdb'))
  await redis.restart()
  await eventually(
    'it serves',
    async () => (await missing(running.url, before.slice(0, 1))).length === 0,
  )
  expect(await missing(running.url, before)).toEqual([])
}, 90_000)

test('an export that is kept is a backup of any store: an import brings back what was acknowledged before', async () => {
  using folder = temporaryFolder()
  using empty = temporaryFolder()
  const env = { STATE_DIRECTORY: folder.path }
  await using running = await startService(env)
  await healthy(running)
  const load = putLoad(running.url)
  await eventually('there is something to lose', () => load.outcomes.length > 500)
  const before = [...load.outcomes]
  const { out } = await runExecutable(['export'], { env })
  await load.stop()
  const child = await runExecutable(['import'], {
    env: { STATE_DIRECTORY: empty.path },
    stdin: new Blob([out]),
  })
  expect(child.code).toBe(0)
  await using again = await startService({ STATE_DIRECTORY: empty.path })
  await healthy(again)
  expect(await missing(again.url, before)).toEqual([])
}, 60_000)

test('backup says what it cannot do, and leaves what is there', async () => {
  using folder = temporaryFolder()
  const env = { STATE_DIRECTORY: folder.path }
  const copy = join(folder.path, 'copy')
  const said = async (args: string[], more: Record<string, string> = env) => {
    const { code, err } = await runExecutable(['backup', ...args], { env: more })
    return `${code} ${err.trim()}`
  }
  expect(await said([copy])).toBe(
    `1 ${service}: backup: there is no store at ${join(folder.path, `${service}.db`)}: set STATE_DIRECTORY`,
  )
  expect(existsSync(copy)).toBe(false)
  expect(await said([copy], { REDIS_ENDPOINT: '127.0.0.1:1' })).toContain('redis-cli --rdb')
  await using running = await startService(env)
  await healthy(running)
  await Bun.write(copy, 'something else')
  expect(await said([copy])).toStartWith(`1 ${service}: backup: ${copy}: it exists: `)
  expect(await Bun.file(copy).text()).toBe('something else')
  for (const there of ['empty', 'link', 'folder'].map((each) => join(folder.path, each))) {
    if (there.endsWith('empty')) await Bun.write(there, '')
    if (there.endsWith('link')) symlinkSync(join(folder.path, 'elsewhere'), there)
    if (there.endsWith('folder')) mkdirSync(there)
    expect(await said([there])).toStartWith(`1 ${service}: backup: ${there}: it exists: `)
  }
  const journal = join(folder.path, `${service}.db-journal`)
  expect(await said([journal])).toContain("has a name of the store's own files")
  expect(await said(['/dev/full/x'])).toStartWith(`1 ${service}: backup: /dev/full/x: `)
  expect(await said([])).toStartWith(
    `2 ${service}: got no file, expected the name of a new one\n\nusage`,
  )
})

test('backup takes no file for a store that is none, and names it', async () => {
  using folder = temporaryFolder()
  const store = join(folder.path, `${service}.db`)
  for (const [content, reason] of [
    ['', 'its schema has version 0'],
    ['no database at all, but long enough to be taken for one'.repeat(20), 'not a database'],
  ] as const) {
    await Bun.write(store, content)
    const args = ['backup', join(folder.path, 'copy')]
    const { code, err } = await runExecutable(args, { env: { STATE_DIRECTORY: folder.path } })
    expect(`${code} ${err}`).toStartWith(`1 ${service}: backup: the store ${store}: `)
    expect(err).toContain(reason)
    expect(readdirSync(folder.path).filter((file) => file.startsWith('copy'))).toEqual([])
  }
})

test('a backup for which the disk is too small leaves nothing behind', async () => {
  using folder = temporaryFolder()
  const env = { STATE_DIRECTORY: folder.path }
  await using running = await startService(env)
  await healthy(running)
  const load = putLoad(running.url)
  await eventually('there is something to copy', () => load.outcomes.length > 500)
  await load.stop()
  using elsewhere = temporaryFolder()
  // As many bytes as a file of the process may have.
  const limited = ['bash', '-c', `ulimit -f 8; trap '' XFSZ; exec "$@"`, 'bash', executable]
  const { code, err } = await run([...limited, 'backup', join(elsewhere.path, 'copy')], {
    env: { ...env, PATH: process.env.PATH },
  })
  expect(`${code} ${err}`).toStartWith(`1 ${service}: backup: ${join(elsewhere.path, 'copy')}: `)
  expect(readdirSync(elsewhere.path)).toEqual([])
})
