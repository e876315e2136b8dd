import { expect, test } from 'bun:test'
import { createReasons } from '../../../src/telemetry/reasons.ts'
import { memoryLog } from '../../lab/support/app.ts'

function reasons() {
  const log = memoryLog()
  let now = 0
  const { say, over } = createReasons(log, { event: 'trouble', state: 'error' }, () => now)
  return {
    at(seconds: number, reason: string) {
      now = seconds * 1000
      say(reason)
    },
    over,
    said: () => log.lines.splice(0),
  }
}

const line = (reason: string) => ({ event: 'trouble', state: 'error', reason })

test('a reason is said once, however long it holds', () => {
  const { at, said } = reasons()
  for (let second = 0; second < 600; second++) at(second, 'down')
  expect(said()).toEqual([line('down')])
})

test('reasons that alternate are one line a minute', () => {
  const { at, said } = reasons()
  for (let second = 0; second < 180; second++) at(second, second % 2 ? 'down' : 'slow')
  expect(said()).toEqual([line('slow'), line('down'), line('slow')])
})

test('after it was over the same reason is said again, and no sooner than a minute after the last', () => {
  const { at, said, over } = reasons()
  expect(over()).toBe(false)
  at(0, 'down')
  expect(over()).toBe(true)
  at(59, 'down')
  expect(over()).toBe(false)
  expect(said()).toEqual([line('down')])
  at(60, 'down')
  expect(said()).toEqual([line('down')])
})
