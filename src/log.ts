/** What the service logs through: one JSON line per call, `event` says what it is about. */
export interface Log {
  info(fields: LogFields): void
  warn(fields: LogFields): void
  error(fields: LogFields): void
}

export type LogFields = { event: string; err?: unknown } & Record<string, unknown>

export const LOG_LEVELS = ['info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Lines are gathered up to this size or this long, so that the log does not cost a system call per request. */
const BUFFER_BYTES = 16 * 1024
const FLUSH_MS = 250

/**
 * Logs to standard output; `flush` writes what is still held, and must be called before the process ends.
 * The lines are made here and not by a library because every request pays for one: this takes half of pino's time.
 */
export function createLog(
  level: LogLevel,
  fields: Record<string, string>,
): { log: Log; flush(): void } {
  const output = Bun.stdout.writer({ highWaterMark: BUFFER_BYTES })
  const constant = JSON.stringify(fields).slice(1, -1)
  const writer = (name: LogLevel): ((fields: LogFields) => void) => {
    if (LOG_LEVELS.indexOf(name) < LOG_LEVELS.indexOf(level)) return () => {}
    return ({ err, ...rest }) => {
      const time = new Date().toISOString()
      const own = JSON.stringify(err === undefined ? rest : { ...rest, err: describe(err) }).slice(
        1,
      )
      output.write(`{"level":"${name}","time":"${time}",${constant},${own}\n`)
    }
  }
  const flush = () => void output.flush()
  setInterval(flush, FLUSH_MS).unref()
  return { log: { info: writer('info'), warn: writer('warn'), error: writer('error') }, flush }
}

function describe(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const { name, message, stack, cause } = error
  return { name, message, stack, ...(cause !== undefined && { cause: describe(cause) }) }
}
