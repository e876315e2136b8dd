import { daysUntilBirthday } from './birthday.ts'

/** What day it is, and how far away birthdays are. */
export interface Calendar {
  today(): Temporal.PlainDate
  /** Days from today to the next birthday of somebody born on `birth`, 0 on the day itself. */
  daysUntil(birth: Temporal.PlainDate): number
}

const MINUTE_MS = 60_000
const DAYS_OF_MONTH = 32

/**
 * The calendar of the place where it is `currentDay`. Every request asks, and the answers are few: no zone changes its day
 * within a minute of UTC, and within a day each of the 366 birthdays is equally far for everybody.
 */
export function createCalendar(currentDay: () => Temporal.PlainDate): Calendar {
  let minute: number
  let day: Temporal.PlainDate
  let distances: number[]

  function today(): Temporal.PlainDate {
    const now = Math.floor(Date.now() / MINUTE_MS)
    if (now !== minute) {
      minute = now
      day = currentDay()
      distances = []
    }
    return day
  }

  return {
    today,
    daysUntil(birth) {
      const from = today()
      const birthday = birth.month * DAYS_OF_MONTH + birth.day
      distances[birthday] ??= daysUntilBirthday(birth, from)
      return distances[birthday]
    },
  }
}
