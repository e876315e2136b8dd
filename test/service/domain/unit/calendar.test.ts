import { afterEach, expect, setSystemTime, test } from 'bun:test'
import { daysUntilBirthday } from '../../../../src/domain/birthday.ts'
import { createCalendar } from '../../../../src/domain/calendar.ts'

afterEach(() => setSystemTime())

const utc = () => Temporal.Now.plainDateISO('UTC')
const at = (time: string) => setSystemTime(new Date(time))

test.each([
  ['UTC', '2026-03-01T00:00:00Z', '2026-03-01'],
  ['Pacific/Kiritimati', '2026-02-28T10:00:00Z', '2026-03-01'],
  ['America/New_York', '2026-03-01T05:00:00Z', '2026-03-01'],
  ['Asia/Kathmandu', '2026-02-28T18:15:00Z', '2026-03-01'],
])('in %s the day changes at %s, not a millisecond sooner', (timeZone, time, day) => {
  const { today } = createCalendar(() => Temporal.Now.plainDateISO(timeZone))
  const midnight = Date.parse(time)
  setSystemTime(midnight - 1)
  expect(String(today())).toBe(String(Temporal.PlainDate.from(day).subtract({ days: 1 })))
  setSystemTime(midnight)
  expect(String(today())).toBe(day)
})

test('what day it is is asked for once a minute', () => {
  let asked = 0
  const { today } = createCalendar(() => {
    asked++
    return utc()
  })
  for (const second of ['00', '01', '59.999']) {
    at(`2026-03-02T00:00:${second}Z`)
    today()
  }
  expect(asked).toBe(1)
})

test('a clock that is set back is believed', () => {
  const { today } = createCalendar(utc)
  at('2026-03-02T00:00:00Z')
  today()
  at('2026-03-01T23:59:59Z')
  expect(String(today())).toBe('2026-03-01')
})

test('the days until every birthday are those of daysUntilBirthday, also asked again and on the next day', () => {
  const calendar = createCalendar(utc)
  const births = Array.from({ length: 800 }, (_, index) =>
    Temporal.PlainDate.from('1999-12-30').add({ days: index }),
  )
  for (const day of ['2027-02-28', '2027-03-01', '2028-02-29', '2028-12-31']) {
    at(`${day}T12:00:00Z`)
    const expected = births.map((birth) => daysUntilBirthday(birth, Temporal.PlainDate.from(day)))
    for (const _ of ['asked', 'asked again'])
      expect(births.map(calendar.daysUntil)).toEqual(expected)
  }
})
