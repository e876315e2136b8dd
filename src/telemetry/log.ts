import { createLineWriter } from './line-writer.ts'

/** The log of the service: one JSON line per call; `event` says what happened. */
export interface Log {
  debug(fields: LogFields): void
  info(fields: LogFields): void
  warn(fields: LogFields): void
  error(fields: LogFields): void
  /** The line of one answered request. */
  request(level: 'debug' | 'info', fields: RequestFields): void
}

/** All its words are short, and of characters that JSON and the log take as they are. */
export interface RequestFields {
  requestId: string
  traceId: string | undefined
  method: string
  route: string
  token: string | undefined
  status: number
  durationMs: number
  bytes: number
}

export type LogFields = { event: string; err?: unknown } & Record<string, unknown>

/**
 * journald splits longer lines only at 48 KiB, but `journalctl --output json` shows null in place of a message of 4 KiB, and
 * numbers in place of one with a character that cannot be printed.
 */
const LINE_MAX_CHARS = 4000

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
  const writes = (name: LogLevel) => LOG_LEVELS.indexOf(name) >= LOG_LEVELS.indexOf(level)
  const writer = (name: LogLevel): ((fields: LogFields) => void) => {
    if (!writes(name)) return () => {}
    return (fields) => {
      const { err } = fields
      const own = JSON.stringify(err === undefined ? fields : { ...fields, err: describe(err) })
      write(plain(`{"level":"${name}","time":"${time()}",${constant},${own.slice(1)}`))
    }
  }
  const log = {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    // Every request pays for one; JSON.stringify takes eight times as long.
    request(level: 'debug' | 'info', fields: RequestFields) {
      if (!writes(level)) return
      const { requestId, traceId, method, route, token, status, durationMs, bytes } = fields
      const trace = traceId === undefined ? '' : `,"traceId":"${traceId}"`
      const label = token === undefined ? '' : `,"token":"${token}"`
      write(
        `{"level":"${level}","time":"${time()}",${constant},"event":"request","requestId":"${requestId}"${trace},"method":"${method}","route":"${route}"${label},"status":${status},"durationMs":${durationMs},"bytes":${bytes}}\n`,
      )
    },
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

/** `line`, which is JSON, as printable ASCII of bounded length; nearly every line is that already. */
function plain(line: string): string {
  if (
    line.length < LINE_MAX_CHARS &&
    Buffer.byteLength(line) === line.length &&
    !line.includes('\x7f')
  )
    return `${line}\n`
  const fields = JSON.parse(line)
  for (let max = LINE_MAX_CHARS; max > 1; max /= 4) {
    const shorter = ascii(fields, max)
    if (shorter.length < LINE_MAX_CHARS) return `${shorter}\n`
  }
  const { level, time, event } = fields
  return `${ascii({ level, time, event, cut: true }, LINE_MAX_CHARS / 4)}\n`
}

function ascii(value: object, max: number): string {
  const cut = (_: string, value: unknown) =>
    typeof value === 'string' && value.length > max ? `${value.slice(0, max)}…` : value
  return JSON.stringify(value, cut).replace(
    /[\x7f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
