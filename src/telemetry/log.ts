import { createLineWriter } from './line-writer.ts'

/** The log of the service: one JSON line per call; `event` says what happened. */
export interface Log {
  debug(fields: LogFields): void
  info(fields: LogFields): void
  warn(fields: LogFields): void
  error(fields: LogFields): void
}

export type LogFields = { event: string; err?: unknown } & Record<string, unknown>

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * Logs to standard output, or where else it is told; `flush` writes what is still buffered, and must be called before
 * the process exits.
 * Lines are built here and not by a library because every request pays for one: this takes half of pino's time.
 */
export function createLog(
  level: LogLevel,
  fields: Record<string, string>,
  { write, flush } = createLineWriter(() => Bun.stdout.writer()),
): { log: Log; flush(): void } {
  const constant = JSON.stringify(fields).slice(1, -1)
  const time = createClock()
  const writer = (name: LogLevel): ((fields: LogFields) => void) => {
    if (LOG_LEVELS.indexOf(name) < LOG_LEVELS.indexOf(level)) return () => {}
    return (fields) => {
      const { err } = fields
      const own = JSON.stringify(err === undefined ? fields : { ...fields, err: describe(err) })
      write(`{"level":"${name}","time":"${time()}",${constant},${own.slice(1)}\n`)
    }
  }
  const log = {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
  }
  return { log, flush }
}

/** The time in ISO 8601, put into words once a millisecond: under load that is fifty lines. */
function createClock(): () => string {
  let millisecond: number
  let text: string
  return () => {
    const now = Date.now()
    if (now !== millisecond) {
      millisecond = now
      text = new Date(now).toISOString()
    }
    return text
  }
}

function describe(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const { name, message, stack, cause } = error
  return { name, message, stack, ...(cause !== undefined && { cause: describe(cause) }) }
}
