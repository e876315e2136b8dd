import { type Canary, fieldsOf } from '../service.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** The service counts days in its configured time zone: anything from UTC-12 to UTC+14. */
const OFFSETS_MS = [0, -12 * HOUR_MS, 14 * HOUR_MS]

/** So that no answer is right for two values, whatever the time zone. */
const APART_MS = 3 * DAY_MS

const PATH = '/hello/'
const pathOf = (key: string): string => PATH + encodeURIComponent(key)
const isEmpty = (body: string): boolean => body === ''

/**
 * Birthdays: the requests of the rollout probe, of compat, the rehearsal, its load and many tests, and the right answers.
 * User names are letters only. A service that stores nothing has `NO_CANARY`.
 */
export const canary: Canary = {
  key: 'Canary',
  keyOf: (word, index) =>
    word + [...String(index)].map((digit) => String.fromCharCode(97 + Number(digit))).join(''),
  value: (turn) =>
    new Date(Date.UTC(1990, 0, 1) + (turn % 100) * APART_MS).toISOString().slice(0, 10),
  keys: (word) => [word.toLowerCase(), `Zo\u00eb${word}`, `\u5f20${word}`, word.padEnd(64, 'x')],
  values: ['0001-01-01', '0999-12-31', '1600-02-29', '2000-02-29', '1999-12-31', '2024-01-01'],
  write: (key, value) => ({
    method: 'PUT',
    path: pathOf(key),
    body: JSON.stringify({ dateOfBirth: value }),
    status: 204,
    isRight: isEmpty,
  }),
  read: (key, value) => ({
    method: 'GET',
    path: pathOf(key),
    status: 200,
    isRight(body, sentAt, now) {
      const { message } = fieldsOf(body)
      return [sentAt, now].some((moment) =>
        OFFSETS_MS.some(
          (offset) => greeting(key, value, new Date(moment.getTime() + offset)) === message,
        ),
      )
    },
  }),
  remove: (key) => ({ method: 'DELETE', path: pathOf(key), status: 204, isRight: isEmpty }),
  readNothing: (key) => ({
    method: 'GET',
    path: pathOf(key),
    status: 404,
    isRight: (body) => fieldsOf(body).status === 404,
  }),
  answer(path, body, now) {
    const user = decodeURIComponent(path.slice(PATH.length))
    return JSON.stringify({ message: greeting(user, String(fieldsOf(body).dateOfBirth), now) })
  },
}

/** The service's greeting for somebody born on `date`, on the day of `now` in UTC. */
function greeting(user: string, date: string, now: Date): string {
  const [, month, day] = date.split('-').map(Number) as [number, number, number]
  const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate())
  const birthdayIn = (year: number): number => {
    const time = Date.UTC(year, month - 1, day)
    // 29 February is the 28th in common years.
    return new Date(time).getUTCMonth() === month - 1 ? time : time - DAY_MS
  }
  const thisYear = birthdayIn(now.getUTCFullYear())
  const next = thisYear >= today ? thisYear : birthdayIn(now.getUTCFullYear() + 1)
  const days = (next - today) / DAY_MS
  return days === 0
    ? `Hello, ${user}! Happy birthday!`
    : `Hello, ${user}! Your birthday is in ${days} day(s)`
}
