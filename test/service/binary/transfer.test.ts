import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { name as service } from '../../../package.json'
import { RECORDS } from '../../../src/domain/store.ts'
import { openSqlite } from '../../../src/store/sqlite.ts'
import { executable, healthy, runExecutable, startService } from '../../lab/support/executable.ts'
import { missing, putLoad } from '../../lab/support/load.ts'
import { eventually, temporaryFolder } from '../../lab/support/process.ts'
import { startCluster, startRedis } from '../../lab/support/redis.ts'

const PATH = process.env.PATH

/** `export` of one store piped into `import` of the other, as a shell does it. */
async function pipe(from: Record<string, string>, to: Record<string, string>, position = '') {
  const script = `env -i "$@" ${executable} export ${position}`
  const assign = (env: Record<string, string>) =>
    Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const child = Bun.spawn(
    [
      'bash',
      '-o',
      'pipefail',
      '-c',
      `${script} | env -i ${assign(to).join(' ')} ${executable} import`,
      'bash',
      ...assign(from),
    ],
    { env: { PATH }, stdout: 'ignore', stderr: 'pipe' },
  )
  const err = await new Response(child.stderr).text()
  return { code: await child.exited, err }
}

const totals = (err: string) =>
  [...err.matchAll(/(\d+) records in [\d.]+ s, checksum (\w+)/g)].map(
    ([, count, sum]) => `${count} ${sum}`,
  )

test('SQLite, Redis, a cluster and SQLite again, in pipes, while the first one serves: nothing acknowledged before is missing', async () => {
  using first = temporaryFolder()
  using last = temporaryFolder()
  await using redis = await startRedis()
  await using cluster = await startCluster({ replicas: 0 })
  await using running = await startService({ STATE_DIRECTORY: first.path })
  await healthy(running)
  const load = putLoad(running.url)
  await eventually('there is something to move', () => load.outcomes.length > 3000, {
    withinMs: 60_000,
  })
  const before = [...load.outcomes]
  const stores = [
    { STATE_DIRECTORY: first.path },
    { REDIS_ENDPOINT: redis.endpoint },
    { REDIS_ENDPOINT: cluster.endpoint, REDIS_MODE: 'cluster' },
    { STATE_DIRECTORY: last.path },
  ]
  for (const [index, to] of stores.slice(1).entries()) {
    const { code, err } = await pipe(stores[index] as Record<string, string>, to)
    expect({ code, err }).toMatchObject({ code: 0 })
    const [out, into, ...more] = totals(err)
    expect(more).toEqual([])
    expect(into).toBe(out as string)
  }
  await load.stop()
  await using again = await startService({ STATE_DIRECTORY: last.path })
  await healthy(again)
  expect(await missing(again.url, before)).toEqual([])
}, 120_000)

test('an import that dies ends the export, which says how to go on', async () => {
  using state = temporaryFolder()
  using target = temporaryFolder()
  await using running = await startService({ STATE_DIRECTORY: state.path })
  await healthy(running)
  const load = putLoad(running.url)
  await eventually('there is something to move', () => load.outcomes.length > 5000, {
    withinMs: 60_000,
  })
  await load.stop()
  const child = Bun.spawn(
    [
      'bash',
      '-o',
      'pipefail',
      '-c',
      `"$0" export | head -n 1500 | STATE_DIRECTORY=${target.path} "$0" import`,
      executable,
    ],
    { env: { PATH, STATE_DIRECTORY: state.path }, stdout: 'ignore', stderr: 'pipe' },
  )
  const err = await new Response(child.stderr).text()
  expect(await child.exited).toBe(1)
  const [, position] =
    new RegExp(
      `${service}: import: the input has no end line: .*; to go on: ${service} export --from (\\S+) `,
    ).exec(err) ?? []
  expect(position).toStartWith(`${service}:v1:`)
  const rest = await pipe(
    { STATE_DIRECTORY: state.path },
    { STATE_DIRECTORY: target.path },
    `--from ${position}`,
  )
  expect(rest).toMatchObject({ code: 0 })
  await using again = await startService({ STATE_DIRECTORY: target.path })
  await healthy(again)
  expect(await missing(again.url, load.outcomes)).toEqual([])
}, 120_000)

test('an export whose reader ends stops, and leaves it to the import to say how to go on', async () => {
  using state = temporaryFolder()
  const store = openSqlite(join(state.path, `${service}.db`))
  await Promise.all(
    Array.from({ length: 5000 }, (_, index) => store.set(RECORDS.prefix + index, 'any')),
  )
  await store.close()
  const child = Bun.spawn(['bash', '-c', '"$0" export | head -n 1', executable], {
    env: { PATH, STATE_DIRECTORY: state.path },
    stdout: 'ignore',
    stderr: 'pipe',
  })
  expect(await child.stderr.text()).toBe(
    `${service}: export: cannot write to standard output: EPIPE: broken pipe, write; an import of what was written says how to go on\n`,
  )
})

test('a line that does not end is refused by its number, and how to go on is said', async () => {
  using state = temporaryFolder()
  const checkpoint = { count: 0, checksum: '0'.repeat(64), position: 'some' }
  const input = `${JSON.stringify({ checkpoint })}\n${'x'.repeat(2 ** 21)}`
  const env = { STATE_DIRECTORY: state.path }
  const { err } = await runExecutable(['import'], { env, stdin: new Blob([input]) })
  expect(err).toStartWith(
    `${service}: import: line 2: expected a line that export wrote; nothing after the position some was imported; to go on: `,
  )
})

test('a store that is not there is not made by an export', async () => {
  using state = temporaryFolder()
  const env = { STATE_DIRECTORY: join(state.path, 'none') }
  const file = join(env.STATE_DIRECTORY, `${service}.db`)
  expect(await runExecutable(['export'], { env })).toMatchObject({
    code: 1,
    out: '',
    err: `${service}: there is no store at ${file}: set STATE_DIRECTORY or REDIS_ENDPOINT\n`,
  })
  expect(existsSync(file)).toBe(false)
})
