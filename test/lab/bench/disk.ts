import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** What SQLite appends to its log for a small change: a page and its header. */
const FRAME_BYTES = 4096 + 24
/** SQLite overwrites its log from the start after about this many frames. */
const FRAMES = 1000

/** How often a second the disk of `folder` takes the write of one page and says that it is safe, one after another. */
export function syncsPerSecond(folder: string, seconds: number): number {
  const frame = Buffer.alloc(FRAME_BYTES, 1)
  const file = openSync(join(folder, 'syncs'), 'w')
  const sync = (count: number) => {
    writeSync(file, frame, 0, FRAME_BYTES, (count % FRAMES) * FRAME_BYTES)
    fdatasyncSync(file)
  }
  for (let count = 0; count < FRAMES; count++) sync(count)
  const start = performance.now()
  let count = 0
  while (performance.now() - start < seconds * 1000) sync(count++)
  closeSync(file)
  return count / ((performance.now() - start) / 1000)
}
