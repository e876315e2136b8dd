import { describe, expect, setSystemTime, test } from 'bun:test'
import { canary } from '../../../../scripts/lib/domain/canary.ts'
import { NO_CANARY } from '../../../../scripts/lib/service.ts'
import { ExpectedUser } from './expected-user.ts'

const KEY = canary.keyOf('Ada', 0)

describe.skipIf(canary === NO_CANARY)('the clients', () => {
  const answer = (value: string, now = new Date()) => {
    const { path, body = '' } = canary.write(KEY, value)
    return canary.answer(path, body, now)
  }

  test('accept the response for one value only for that value, in any time zone', () => {
    const values = Array.from({ length: 100 }, (_, turn) => canary.value(turn))
    const now = new Date()
    for (const value of values) {
      const right = values.filter((each) => canary.read(KEY, each).isRight(answer(value), now, now))
      expect(right).toEqual([value])
    }
  })

  test('accept the last acknowledged write, and nothing older', () => {
    const ada = new ExpectedUser(canary, KEY)
    const first = ada.next(0)
    ada.written(first)
    const second = ada.next(0)
    expect(second).not.toBe(first)
    const accepts = (value: string) => ada.accepts(answer(value), new Date())
    // In flight: the service may return either.
    expect([accepts(first), accepts(second)]).toEqual([true, true])
    ada.written(second)
    expect([accepts(first), accepts(second)]).toEqual([false, true])
    expect(ada.accepts('{}', new Date())).toBe(false)
  })

  test('accept what a read that was under way returns of before a write', () => {
    const ada = new ExpectedUser(canary, KEY)
    const first = ada.next(0)
    ada.written(first)
    const sentAt = new Date(Date.now() - 1)
    ada.written(ada.next(0))
    expect(ada.accepts(answer(first), sentAt)).toBe(true)
    expect(ada.accepts(answer(first), new Date())).toBe(false)
  })

  test('accept for a minute that a failed write takes effect late', () => {
    const ada = new ExpectedUser(canary, KEY)
    ada.written(ada.next(0))
    const lost = ada.next(0)
    ada.failed(lost)
    const third = ada.next(0)
    ada.written(third)
    const accepts = (value: string) => ada.accepts(answer(value), new Date())
    expect([accepts(lost), accepts(third)]).toEqual([true, true])
    setSystemTime(Date.now() + 61_000)
    ada.written(ada.next(0))
    expect(accepts(lost)).toBe(false)
    setSystemTime()
  })
})
