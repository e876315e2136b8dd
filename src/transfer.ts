import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { name } from '../package.json'
import type { Config } from './config/config.ts'
import { RECORDS } from './domain/store.ts'
import { CannotGoOn, type ScannableStore } from './store/key-value.ts'
import { createRedisStore } from './store/redis.ts'
import { connectRedis } from './store/redis-client.ts'
import { openSqlite } from './store/sqlite.ts'
import { exportLines, importLines, PATIENCE_MS, type Total } from './store/transfer.ts'
import { NotWritten, print, say } from './telemetry/terminal.ts'

const PROGRESS_MS = 1000

/** A line of ours is far shorter. */
const LINE_MAX_CHARACTERS = 1024 ** 2

/**
 * Writes all records of the configured store to standard output, or reads them from standard input, with progress on
 * standard error. Throws an error that says how to go on.
 */
export async function transfer(
  verb: 'export' | 'import',
  from: string | undefined,
  config: Config,
): Promise<void> {
  const store = open(verb, config)
  const began = performance.now()
  let last = from
  let saidAt = began
  const progress = (count: number, position: string) => {
    last = position
    if (performance.now() - saidAt < PROGRESS_MS) return
    saidAt = performance.now()
    say(`${verb}: ${count} records`)
  }
  try {
    const total =
      verb === 'export'
        ? await printAll(exportLines(store, RECORDS, { from, progress }))
        : await importLines(lines(Bun.stdin.stream()), store, RECORDS, { from, progress })
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    say(`${verb}: ${total.count} records in ${seconds} s, checksum ${total.checksum}`)
  } catch (error) {
    const { message } = error as Error
    if (error instanceof NotWritten)
      throw new Error(`${verb}: ${message}; an import of what was written says how to go on`)
    if (last === undefined || error instanceof CannotGoOn) throw new Error(`${verb}: ${message}`)
    const again = {
      export: `${name} export --from ${last}`,
      import: `${name} export --from ${last} | ${name} import, or with the same input ${name} import --from ${last}`,
    }
    throw new Error(`${verb}: ${message}; to go on: ${again[verb]}`)
  } finally {
    await store.close()
  }
}

function open(verb: 'export' | 'import', { redis, stateDirectory }: Config): ScannableStore {
  if (!redis) {
    const file = join(stateDirectory, `${name}.db`)
    if (verb === 'export' && !existsSync(file))
      throw new Error(`there is no store at ${file}: set STATE_DIRECTORY or REDIS_ENDPOINT`)
    return openSqlite(file)
  }
  if (redis.endpoints.length === 0)
    throw new Error(`REDIS_ENDPOINT: is not set, and ${verb} needs it`)
  let said: string | undefined
  const failed = (reason: string) => {
    if (reason !== said) say(`${reason}; trying again, for ${PATIENCE_MS / 1000} s at most`)
    said = reason
  }
  return createRedisStore(connectRedis(redis, { failed, ready() {} }))
}

async function printAll(parts: AsyncGenerator<string, Total>): Promise<Total> {
  for (;;) {
    const { value, done } = await parts.next()
    if (done) return value
    await print(value)
  }
}

/** The lines of `stream`, the last of which may be cut, as is one that is too long to be ours. */
async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
    if (rest.length <= LINE_MAX_CHARACTERS) continue
    yield rest
    rest = ''
  }
  if (rest !== '') yield rest
}
