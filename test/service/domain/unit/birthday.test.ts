import { describe, expect, test } from 'bun:test'
import { daysUntilBirthday, greeting, parseDate } from '../../../../src/domain/birthday.ts'
import { Username } from '../../../../src/domain/schemas.ts'
import fc from '../../../lab/support/fast-check.ts'

const day = (text: string) => Temporal.PlainDate.from(text)
const anyDay = fc
  .tuple(
    fc.integer({ min: 1, max: 9998 }),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 31 }),
  )
  .map(([year, month, day]) => Temporal.PlainDate.from({ year, month, day }))

describe('a date', () => {
  test('is parsed from YYYY-MM-DD when it is a day of the calendar', () => {
    fc.assert(
      fc.property(anyDay, (date) => {
        expect(parseDate(date.toString())?.equals(date)).toBe(true)
      }),
    )
  })

  test('is every YYYY-MM-DD that is a day of the calendar, and no other', () => {
    const daysIn = (year: number, month: number) =>
      month === 2
        ? year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
          ? 29
          : 28
        : [4, 6, 9, 11].includes(month)
          ? 30
          : 31
    const digits = (width: number) => fc.integer({ min: 0, max: 10 ** width - 1 })
    fc.assert(
      fc.property(digits(4), digits(2), digits(2), (year, month, day) => {
        const text = [
          String(year).padStart(4, '0'),
          String(month).padStart(2, '0'),
          String(day).padStart(2, '0'),
        ].join('-')
        const exists =
          year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
        expect(parseDate(text) !== undefined).toBe(exists)
      }),
      { numRuns: 5000 },
    )
  })

  test.each([
    '20240229',
    '2024-02-29T10:00',
    '2024-02-29[u-ca=hebrew]',
    '+002024-02-29',
    '-000001-01-01',
    '0000-01-01',
    '2023-02-29',
    '1900-02-29',
    '2024-13-01',
    '2024-00-10',
    '2024-1-1',
    ' 2024-01-01',
    '2024-01-01\n',
    '٢٠٢٤-٠١-٠١',
    '',
  ])('is not %j', (text) => {
    expect(parseDate(text)).toBeUndefined()
  })
})

describe('days until a birthday', () => {
  test.each([
    ['1990-06-15', '2026-06-15', 0],
    ['1990-06-15', '2026-06-14', 1],
    ['1990-06-15', '2026-06-16', 364],
    ['1990-06-15', '2027-06-16', 365],
    ['1990-03-01', '2024-02-28', 2],
    ['1990-03-01', '2023-02-28', 1],
    ['2000-02-29', '2024-02-29', 0],
    ['2000-02-29', '2024-02-28', 1],
    ['2000-02-29', '2025-02-28', 0],
    ['2000-02-29', '2025-03-01', 364],
    ['2000-02-29', '2027-03-01', 365],
    ['1999-12-31', '2026-01-01', 364],
    ['0001-01-01', '9998-12-31', 1],
  ])('of %s, as of %s, are %d', (birth, today, days) => {
    expect(daysUntilBirthday(day(birth), day(today))).toBe(days)
  })

  test('lead to a day with the month and day of birth, within a year', () => {
    fc.assert(
      fc.property(anyDay, anyDay, (birth, today) => {
        const days = daysUntilBirthday(birth, today)
        const birthday = today.add({ days })
        const expected = birth.toPlainMonthDay().toPlainDate({ year: birthday.year })
        expect(days).toBeGreaterThanOrEqual(0)
        expect(days).toBeLessThanOrEqual(366)
        expect(birthday.equals(expected)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test('are in the greeting, which says happy birthday on the day itself', () => {
    expect(greeting('Ada', 1)).toBe('Hello, Ada! Your birthday is in 1 day(s)')
    expect(greeting('Ada', 0)).toBe('Hello, Ada! Happy birthday!')
  })
})

describe('a user name', () => {
  const letter = fc.stringMatching(/^\p{L}$/u)
  const mark = fc.constantFrom('\u0301', '\u0308', '\u093f', '\u0e34')

  test('is 1 to 64 letters of any script, with marks after a letter', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(letter, fc.array(mark, { maxLength: 2 })), {
          minLength: 1,
          maxLength: 64,
        }),
        (letters) => {
          const name = letters.map(([base, marks]) => base + marks.join('')).join('')
          expect(Username.safeParse(name).data).toBe(name.normalize('NFC'))
        },
      ),
    )
  })

  test('contains no other character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme-composite' }),
        fc.stringMatching(/^[^\p{L}\p{M}]$/u),
        fc.string(),
        (before, foreign, after) => {
          expect(Username.safeParse(before + foreign + after).success).toBe(false)
        },
      ),
    )
  })

  test.each([
    '',
    '\u0301a',
    'Ada Lovelace',
    'Ada1',
    'Ada-Lovelace',
    'a/b',
    '👩',
    'a\u200d',
    'a\n',
    'a'.repeat(65),
  ])('is not %j', (text) => {
    expect(Username.safeParse(text).success).toBe(false)
  })

  test('is the same in whatever Unicode form it was typed', () => {
    expect(Username.parse('Zoe\u0308')).toBe('Zo\u00eb')
  })

  test('keeps its case', () => {
    expect(Username.parse('aDa')).toBe('aDa')
  })
})
