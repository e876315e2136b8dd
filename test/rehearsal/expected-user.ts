import { birthDate, greetingOf } from './birthdays.ts'

/** How long a write that failed may still arrive: its outcome is unknown until then. */
const UNKNOWN_MS = 60_000

/** One user as the clients know it: what the service must tell of it. */
export class Person {
  acknowledged = 0
  private turn = 0
  private known: string | undefined
  private unknown: { date: string; until: number }[] = []

  constructor(readonly name: string) {}

  /** The next date to write. From now on it may be told, until `written` or `failed` says more. */
  next(seed: number): string {
    const date = birthDate(seed + this.turn++)
    this.unknown.push({ date, until: Number.POSITIVE_INFINITY })
    return date
  }

  written(date: string): void {
    this.acknowledged += 1
    this.known = date
    this.unknown = this.unknown.filter((each) => each.date !== date && each.until > Date.now())
  }

  failed(date: string): void {
    for (const each of this.unknown) if (each.date === date) each.until = Date.now() + UNKNOWN_MS
  }

  /** Whether `message` is right for a request that was sent at `sentAt`: midnight may have passed meanwhile. */
  accepts(message: string, sentAt: number): boolean {
    const dates = [this.known, ...this.unknown.map(({ date }) => date)]
    return dates.some(
      (date) =>
        date !== undefined &&
        [new Date(sentAt), new Date()].some((now) => greetingOf(this.name, date, now) === message),
    )
  }
}
