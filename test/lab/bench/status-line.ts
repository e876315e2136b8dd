export interface Progress {
  (line: string): void
  /** Leaves the terminal as it was. */
  end(): void
}

/** Shows progress on standard error: one line that is redrawn on a terminal, plain lines elsewhere. */
export function openProgress(): Progress {
  const { stderr } = process
  const clear = stderr.isTTY ? '\r\x1b[K' : ''
  const show = (line: string) => {
    stderr.write(stderr.isTTY ? `${clear}${line}` : `${line}\n`)
  }
  return Object.assign(show, { end: () => void stderr.write(clear) })
}
