import type { FileSink } from 'bun'

/** Lines are buffered up to this size or for this long, so that the log does not cost a system call per request. */
const BUFFER_CHARS = 16 * 1024
const FLUSH_MS = 250

/** How much is held for a stalled reader; beyond it lines are dropped and counted, so that memory stays bounded. */
const HELD_CHARS_MAX = 1024 * 1024

/**
 * Writes lines to the sink that `open` returns, and reopens it after a failure such as a full disk. Never throws: a
 * service must not fail because its log does. Lost lines are counted in a line of their own.
 */
export function createLineWriter(open: () => Pick<FileSink, 'write' | 'flush'>): {
  write(line: string): void
  flush(): void
} {
  let output = open()
  let held: string[] = []
  let heldChars = 0
  let lost = 0
  let busy = false

  function write(line: string): void {
    if (heldChars > HELD_CHARS_MAX) {
      lost++
      return
    }
    held.push(line)
    heldChars += line.length
    if (heldChars >= BUFFER_CHARS && !busy) flush()
  }

  function flush(): void {
    if (busy || (held.length === 0 && lost === 0)) return
    const lines = held.length
    const earlier = lost
    // The failed write may have ended in the middle of a line.
    const report =
      earlier > 0 ? `\n{"level":"warn","event":"log-lines-lost","count":${earlier}}\n` : ''
    const text = report + held.join('')
    held = []
    heldChars = 0
    lost = 0
    const failed = () => {
      lost += lines + earlier
      output = open()
    }
    try {
      // Both return a promise when they cannot finish at once.
      const pending = [output.write(text), output.flush()].filter(
        (result) => result instanceof Promise,
      )
      if (pending.length === 0) return
      busy = true
      Promise.all(pending)
        .catch(failed)
        .finally(() => {
          busy = false
        })
    } catch {
      failed()
    }
  }

  setInterval(flush, FLUSH_MS).unref()
  return { write, flush }
}
