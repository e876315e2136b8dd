import { z } from 'zod'
import { CannotGoOn, type Entry, type ScannableStore, StoreUnavailable } from './key-value.ts'

/** What may be in a store: keys that begin with `prefix`, each with a value that `isValid`. */
export interface Records {
  prefix: string
  isValid(key: string, value: string): boolean
}

/** Told after every part how many records have been exported or imported, and where to go on after them. */
export type Progress = (count: number, position: string) => void

export interface Total {
  count: number
  /** The sum of the SHA-256 of all records, in hexadecimal digits: it does not depend on their order. */
  checksum: string
}

/** A store that does not answer is asked again for so long. */
export const PATIENCE_MS = 60_000
const RETRY_MS = 250

/** Not so many that they take longer than a command may. */
const CHUNK = 500

/** A key of ours is shorter. */
const SHOWN_CHARS = 100

/** More lines than this without a checkpoint are not ours. */
const PART_MAX = 100_000

/**
 * All `records` of `store` as JSON lines, after the position `from` if it is given: `{"key","value"}`, now and then
 * `{"checkpoint"}` with the total so far and the position, and in the last line `{"end"}` with the total.
 * A store that does not answer is asked again for `patienceMs`.
 */
export async function* exportLines(
  store: ScannableStore,
  { prefix }: Pick<Records, 'prefix'>,
  { from, progress, patienceMs = PATIENCE_MS }: Options,
): AsyncGenerator<string, Total> {
  const tally = createTally()
  let position = from
  let pages = store.pages(prefix, position)
  for (;;) {
    const page = await patiently(patienceMs, () =>
      pages.next().catch((error) => {
        // What has thrown is at its end.
        pages = store.pages(prefix, position)
        throw error
      }),
    )
    if (page.done) break
    const { entries } = page.value
    position = page.value.position
    const lines = entries.map(([key, value]) => {
      tally.add(key, value)
      return JSON.stringify({ key, value })
    })
    yield `${[...lines, JSON.stringify({ checkpoint: { ...tally.total(), position } })].join('\n')}\n`
    progress(tally.total().count, position)
  }
  yield `${JSON.stringify({ end: tally.total() })}\n`
  return tally.total()
}

interface Options {
  from: string | undefined
  progress: Progress
  patienceMs?: number
}

/**
 * Writes what `exportLines` made into `store`, replacing what it has. A part is written only when its checkpoint says that
 * it has arrived whole, and is then read back. With `from`, everything up to that position is only checked.
 * Throws an error that names the line or the position, and leaves what was written.
 */
export async function importLines(
  lines: AsyncIterable<string>,
  store: ScannableStore,
  { isValid }: Pick<Records, 'isValid'>,
  { from, progress, patienceMs = PATIENCE_MS }: Options,
): Promise<Total> {
  const tally = createTally()
  let part: Entry[] = []
  let reached = from === undefined
  let last = from
  let number = 0
  let differing = 0
  let end: Total | undefined
  const bad = (what: string) =>
    new Error(`line ${number}: ${what}; nothing after ${at(last)} was imported`)

  const verify = ({ count, checksum }: Total) => {
    const total = tally.total()
    if (count === total.count && checksum === total.checksum) return
    throw bad(
      `expected ${count} records with the checksum ${checksum}, got ${total.count} with ${total.checksum}`,
    )
  }
  for await (const line of lines) {
    number++
    if (end)
      throw new CannotGoOn(
        `line ${number}: expected nothing after the end line, up to which all is imported`,
      )
    const parsed = parse(line)
    if (!parsed) throw bad('expected a line that export wrote')
    if ('key' in parsed) {
      const { key, value } = parsed
      if (!isValid(key, value))
        throw bad(`this release cannot read the record ${key.slice(0, SHOWN_CHARS)}`)
      if (part.length === PART_MAX) throw bad(`expected a checkpoint within ${PART_MAX} records`)
      part.push([key, value])
      tally.add(key, value)
      continue
    }
    verify('end' in parsed ? parsed.end : parsed.checkpoint)
    if (reached) differing += await write(store, part, patienceMs)
    part = []
    if ('end' in parsed) {
      if (!reached) throw new CannotGoOn(`the position ${from} is not in the input`)
      end = parsed.end
    } else {
      last = parsed.checkpoint.position
      reached ||= last === from
      progress(tally.total().count, last)
    }
  }
  if (!end) throw new Error(`the input has no end line: it is incomplete after ${at(last)}`)
  if (differing > 0)
    throw new Error(
      `${differing} of ${end.count} records are not as they were imported: something else writes the same ones`,
    )
  return end
}

const at = (position: string | undefined) =>
  position === undefined ? 'its beginning' : `the position ${position}`

const Total = z.object({ count: z.int(), checksum: z.hex() })

const Line = z.union([
  z.object({ key: z.string(), value: z.string() }),
  // A position becomes part of a command, so it is nothing else to a shell.
  z.object({ checkpoint: Total.extend({ position: z.string().regex(/^\w[\w:.-]*$/) }) }),
  z.object({ end: Total }),
])

function parse(line: string): z.infer<typeof Line> | undefined {
  try {
    return Line.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}

/** Returns how many of `entries` are not as they were written. */
async function write(store: ScannableStore, entries: Entry[], patienceMs: number): Promise<number> {
  let differing = 0
  for (let start = 0; start < entries.length; start += CHUNK) {
    const chunk = entries.slice(start, start + CHUNK)
    await patiently(patienceMs, () =>
      Promise.all(chunk.map(([key, value]) => store.set(key, value))),
    )
    const found = await patiently(patienceMs, () =>
      Promise.all(chunk.map(([key]) => store.get(key))),
    )
    differing += chunk.filter(([, value], index) => found[index] !== value).length
  }
  return differing
}

async function patiently<T>(patienceMs: number, attempt: () => Promise<T>): Promise<T> {
  const until = performance.now() + patienceMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      if (performance.now() > until)
        throw new Error(`${error.message}, for ${patienceMs / 1000} s`, { cause: error })
      await Bun.sleep(RETRY_MS)
    }
  }
}

function createTally() {
  let count = 0
  let sum = 0n
  return {
    add(key: string, value: string) {
      count++
      sum = BigInt.asUintN(256, sum + BigInt(`0x${Bun.SHA256.hash(`${key}\0${value}`, 'hex')}`))
    },
    total: (): Total => ({ count, checksum: sum.toString(16).padStart(64, '0') }),
  }
}
