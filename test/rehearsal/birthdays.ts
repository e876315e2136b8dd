const DAY_MS = 86_400_000

/** User number `index` with this first word, in letters only. */
export function userName(word: string, index: number): string {
  return word + [...String(index)].map((digit) => String.fromCharCode(97 + Number(digit))).join('')
}

/** A date of birth that is a different one for each of 300 turns in a row. */
export function birthDate(turn: number): string {
  const day = new Date(Date.UTC(1990, 0, 1) + (turn % 300) * DAY_MS)
  return day.toISOString().slice(0, 10)
}

/** What the service says of somebody born on `date`, not a 29 February, when `now` is the time in UTC. */
export function greetingOf(user: string, date: string, now: Date): string {
  const [, month, day] = date.split('-').map(Number) as [number, number, number]
  const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate())
  const thisYear = Date.UTC(now.getUTCFullYear(), month - 1, day)
  const next = thisYear >= today ? thisYear : Date.UTC(now.getUTCFullYear() + 1, month - 1, day)
  const days = (next - today) / DAY_MS
  return days === 0
    ? `Hello, ${user}! Happy birthday!`
    : `Hello, ${user}! Your birthday is in ${days} day(s)`
}
