/** Year 0001 or later; `Temporal` alone would also accept `20240229` and `+002024-02-29`. */
export const DATE_PATTERN = /^(?!0000)\d{4}-\d{2}-\d{2}$/

/** Parses `text`, exactly `YYYY-MM-DD`; undefined when there is no such day. */
export function parseDate(text: string): Temporal.PlainDate | undefined {
  if (!DATE_PATTERN.test(text)) return undefined
  try {
    return Temporal.PlainDate.from(text)
  } catch {
    return undefined
  }
}

/**
 * Days from `today` to the next birthday, 0 on the day itself.
 * A birthday on 29 February falls on the 28th in common years, as in `PlainMonthDay.toPlainDate`.
 */
export function daysUntilBirthday(birth: Temporal.PlainDate, today: Temporal.PlainDate): number {
  const monthDay = birth.toPlainMonthDay()
  const thisYear = monthDay.toPlainDate({ year: today.year })
  const isOver = Temporal.PlainDate.compare(thisYear, today) < 0
  return today.until(isOver ? monthDay.toPlainDate({ year: today.year + 1 }) : thisYear).days
}

/** The greeting for `username`, whose birthday is in `days` days. */
export function greeting(username: string, days: number): string {
  return days === 0
    ? `Hello, ${username}! Happy birthday!`
    : `Hello, ${username}! Your birthday is in ${days} day(s)`
}
