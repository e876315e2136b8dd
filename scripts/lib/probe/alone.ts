/** How long a release must have run alone, and failed, before it is to blame: longer than a fail-over of the store, in ms. */
const LONG_MS = 60_000

/** It is to blame when it failed this share of the responses of that time, */
const SHARE = 1 / 3

/** at least this many times as often as the others did while they served, */
const RATIO = 3

/** and gave at least this many responses. */
const FEWEST = 20

/** Longer without any response, and the probe itself was asleep, in ms. */
const ASLEEP_MS = 30_000

/**
 * Judges a release that nothing is left to compare with: when the others are gone, it is to blame for a whole minute of
 * failures, as it is for an alarm.
 */
export class LoneRelease {
  private readonly recent: { at: number; failed: boolean }[] = []
  private failures = 0
  private lastOtherAt: number | undefined

  /** `at` in milliseconds since the epoch, never less than the one before; `isNew`: nobody else can have answered. */
  add({ at, isNew, failed }: { at: number; isNew: boolean; failed: boolean }): void {
    const { recent } = this
    const pause = at - (recent.at(-1)?.at ?? at)
    if (pause > ASLEEP_MS && this.lastOtherAt !== undefined) this.lastOtherAt += pause
    if (!isNew || this.lastOtherAt === undefined) this.lastOtherAt = at
    recent.push({ at, failed })
    if (failed) this.failures++
    while (recent[0] && recent[0].at < at - LONG_MS) if (recent.shift()?.failed) this.failures--
  }

  /**
   * Why it is to blame, where the others failed the share `before` of their responses and `budget` failures are accepted;
   * undefined while it need not be.
   */
  blame(before: number, budget = 0): string | undefined {
    const { recent, failures, lastOtherAt } = this
    const last = recent.at(-1)
    if (!last || lastOtherAt === undefined || last.at - lastOtherAt < LONG_MS) return undefined
    if (failures <= budget || recent.length < FEWEST) return undefined
    const share = failures / recent.length
    if (share < SHARE || share < RATIO * before) return undefined
    return `the new release, alone for a minute, failed ${failures} of ${recent.length} probe requests in that time`
  }
}
