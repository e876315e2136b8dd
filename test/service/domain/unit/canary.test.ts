import { expect, test } from 'bun:test'
import { canary } from '../../../../scripts/lib/domain/canary.ts'
import { daysUntilBirthday, greeting, parseDate } from '../../../../src/domain/birthday.ts'
import fc from '../../../lab/support/fast-check.ts'

test('a rollout expects the greeting that the service gives, of every user, on every day', () => {
  const days = fc.date({
    min: new Date('2024-01-01'),
    max: new Date('2033-12-31'),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(fc.nat(99), days, (turn, now) => {
      const date = canary.value(turn)
      const today = Temporal.PlainDate.from(now.toISOString().slice(0, 10))
      const until = daysUntilBirthday(parseDate(date) as Temporal.PlainDate, today)
      const message = greeting('Ada', until)
      const { path, body } = canary.write('Ada', date)
      expect(JSON.parse(canary.answer(path, body ?? '', now))).toEqual({ message })
      expect(canary.read('Ada', date).isRight(JSON.stringify({ message }), now, now)).toBe(true)
    }),
  )
})
