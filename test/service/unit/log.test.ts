import { expect, test } from 'bun:test'
import { createLog, LOG_LEVELS, type LogLevel } from '../../../src/telemetry/log.ts'
import fc from '../../lab/support/fast-check.ts'

function logged(level: LogLevel, use: (log: ReturnType<typeof createLog>['log']) => void) {
  const lines: string[] = []
  const { log } = createLog(
    level,
    { instance: 'i' },
    { write: (line) => void lines.push(line), flush() {} },
  )
  use(log)
  return lines
}

test('LOG_LEVEL leaves out what is less grave, and silent everything', () => {
  const levels = ['debug', 'info', 'warn', 'error'] as const
  for (const [index, level] of LOG_LEVELS.entries()) {
    const lines = logged(level, (log) => {
      for (const each of levels) log[each]({ event: each })
    })
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(levels.slice(index))
  }
})

test('a line is one line of printable JSON that journald keeps whole, whatever is in it', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.string({ unit: 'binary', minLength: 4000, maxLength: 9000, size: 'max' }),
    fc.constantFrom('\x7f', '\x85', '\u2028', '\ud800', '"\\\n', '\0', 'ü'.repeat(3000)),
  )
  fc.assert(
    fc.property(text, text, (one, other) => {
      const [line = ''] = logged('info', (log) => {
        log.info({ event: 'x', one, list: [other, { other }], err: new Error(other) })
      })
      expect(line).toMatch(/^[\x20-\x7e]*\n$/)
      expect(line.length).toBeLessThan(4096)
      const { event, one: kept } = JSON.parse(line)
      expect(event).toBe('x')
      if (one.length + 4 * other.length < 300) expect(kept).toBe(one)
    }),
  )
})

test('what cannot be shortened is named', () => {
  const [line = ''] = logged('info', (log) => {
    log.info({ event: 'x', list: Array.from({ length: 5000 }, () => 1) })
  })
  expect(JSON.parse(line)).toMatchObject({ event: 'x', cut: true })
})

test('the line of a request is the JSON of its fields, those left out that it has not', () => {
  const all = {
    ...{ requestId: 'a-1=', traceId: 'Root=1-67891233;Self=1:2.3', method: 'PUT' },
    ...{
      route: '/a/:key',
      token: 'deploy_1.a-b',
      status: 204,
      durationMs: 0.25,
      bytes: 0,
    },
  }
  for (const fields of [all, { ...all, traceId: undefined, token: undefined }]) {
    const [line = '', ...others] = logged('info', (log) => {
      log.request('debug', fields)
      log.request('info', fields)
    })
    expect(others).toEqual([])
    const { time, ...rest } = JSON.parse(line)
    expect(new Date(time).toISOString()).toBe(time)
    expect(rest).toEqual(
      JSON.parse(JSON.stringify({ level: 'info', instance: 'i', event: 'request', ...fields })),
    )
  }
})
