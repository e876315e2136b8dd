import { describe, expect, setSystemTime, test } from 'bun:test'
import fc from 'fast-check'
import { canary, greeting as expectedGreeting } from '../../../../scripts/lib/service.ts'
import { daysUntilBirthday, greeting, parseDate } from '../../../../src/birthdays/birthday.ts'
import { ExpectedUser } from './expected-user.ts'

describe.skipIf(!canary)('the clients', () => {
  const keys = canary as NonNullable<typeof canary>
  const answer = (value: string, now = new Date()) =>
    JSON.stringify({ message: expectedGreeting('Ada', value, now) })

  test('know the correct greeting for every user they write, on every day', () => {
    const days = fc.date({
      min: new Date('2024-01-01'),
      max: new Date('2033-12-31'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(fc.nat(99), days, (turn, now) => {
        const date = keys.value(turn)
        const today = Temporal.PlainDate.from(now.toISOString().slice(0, 10))
        const until = daysUntilBirthday(parseDate(date) as Temporal.PlainDate, today)
        expect(expectedGreeting('Ada', date, now)).toBe(greeting('Ada', until))
      }),
    )
  })

  test('accept the response for one value only for that value, in any time zone', () => {
    const values = Array.from({ length: 100 }, (_, turn) => keys.value(turn))
    const now = new Date()
    for (const value of values) {
      const right = values.filter((each) => keys.read('Ada', each).isRight(answer(value), now, now))
      expect(right).toEqual([value])
    }
  })

  test('accept the last acknowledged write, and nothing older', () => {
    const ada = new ExpectedUser(keys, 'Ada')
    const first = ada.next(0)
    ada.written(first)
    const second = ada.next(0)
    expect(second).not.toBe(first)
    const accepts = (value: string) => ada.accepts(answer(value), new Date())
    // In flight: the service may return either.
    expect([accepts(first), accepts(second)]).toEqual([true, true])
    ada.written(second)
    expect([accepts(first), accepts(second)]).toEqual([false, true])
    expect(ada.accepts('{"message":"Hello, Ada!"}', new Date())).toBe(false)
  })

  test('accept for a minute that a failed write takes effect late', () => {
    const ada = new ExpectedUser(keys, 'Ada')
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
