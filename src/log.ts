import { destination, pino } from 'pino'

/** What the service logs through: one JSON line per call, `event` says what it is about. */
export interface Log {
  info(fields: LogFields): void
  warn(fields: LogFields): void
  error(fields: LogFields): void
}

export type LogFields = { event: string; err?: unknown } & Record<string, unknown>

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

/** Lines are gathered up to this size or this long, so that the log does not cost a system call per request. */
const BUFFER_BYTES = 8 * 1024
const FLUSH_MS = 250

/** Logs to standard output; `flush` writes what is still held, and must be called before the process ends. */
export function createLog(
  level: (typeof LOG_LEVELS)[number],
  fields: Record<string, string>,
): { log: Log; flush(): void } {
  const output = destination({ fd: 1, sync: true, minLength: BUFFER_BYTES })
  const log = pino(
    {
      level,
      base: fields,
      messageKey: 'event',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  )
  const flush = () => output.flushSync()
  setInterval(flush, FLUSH_MS).unref()
  return { log, flush }
}
