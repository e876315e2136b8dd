import { randomOf } from '../support/random.ts'

/**
 * No request is dropped while the nodes are up to so many seconds late. The times in src, systemd and terraform are chosen
 * for it (test/terraform/timeouts.test.ts), and the rehearsal plays it.
 */
export const MARGIN_SECONDS = 60

/** How late the nodes of a load balancer hear of a change. */
export class Lag {
  private readonly random: () => number

  /** At most `seconds`; the same `seed` gives the same delays. */
  constructor(
    readonly seconds: number,
    seed: number,
  ) {
    this.random = randomOf(seed)
  }

  /** For each of `nodes` a delay in seconds: one hears at once, one as late as possible, the others in between. */
  draw(nodes: number): number[] {
    const delays = Array.from({ length: nodes }, (_, index) =>
      index === 0 ? this.seconds : index === 1 ? 0 : this.random() * this.seconds,
    )
    return delays
      .map((delay) => ({ delay, place: this.random() }))
      .sort((a, b) => a.place - b.place)
      .map(({ delay }) => delay)
  }
}
