import type { Canary } from '../../../../scripts/lib/service.ts'

/** How long a failed write may still take effect, and longer than a read takes. */
const UNKNOWN_MS = 60_000

/** One key as the clients know it: what the service must return for it. */
export class ExpectedUser {
  acknowledged = 0
  private turn = 0
  private known: string | undefined
  private readonly tried = new Set<string>()
  /** Others that a read may return if it was sent before `until`. */
  private possible: { value: string; until: number }[] = []

  constructor(
    private readonly canary: Canary,
    readonly key: string,
  ) {}

  /** The next value to write. From now on reads may return it, until `written` or `failed` says more. */
  next(seed: number): string {
    const value = this.canary.value(seed + this.turn++)
    this.tried.add(value)
    this.possible.push({ value, until: Number.POSITIVE_INFINITY })
    return value
  }

  written(value: string): void {
    const now = Date.now()
    this.acknowledged += 1
    if (this.known !== undefined) this.possible.push({ value: this.known, until: now })
    this.known = value
    this.possible = this.possible.filter(
      (each) => each.value !== value && each.until > now - UNKNOWN_MS,
    )
  }

  failed(value: string): void {
    for (const each of this.possible) if (each.value === value) each.until = Date.now() + UNKNOWN_MS
  }

  /** Which of the values that were ever written a read returned, right or wrong; undefined for none. */
  valueIn(body: string, sentAt: Date): string | undefined {
    const likely = [...(this.known === undefined ? [] : [this.known]), ...this.tried]
    return likely.find((value) =>
      this.canary.read(this.key, value).isRight(body, sentAt, new Date()),
    )
  }

  /** Whether `body` is right for a read that was sent at `sentAt`: midnight may have passed since. */
  accepts(body: string, sentAt: Date): boolean {
    const possible = this.possible.filter(({ until }) => until > sentAt.getTime())
    const values = [this.known, ...possible.map(({ value }) => value)]
    return values.some(
      (value) =>
        value !== undefined && this.canary.read(this.key, value).isRight(body, sentAt, new Date()),
    )
  }
}
