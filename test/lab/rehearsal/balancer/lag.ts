import { randomOf } from '../../../../scripts/lib/release/compat/random.ts'

/**
 * No request is dropped while the nodes are up to so many seconds late. The times in src, systemd and terraform are chosen
 * for it (test/road/terraform/timeouts.test.ts), and the rehearsal plays it.
 */
export const MARGIN_SECONDS = 60

/** How late the nodes of a load balancer hear of a change. */
export interface Lag {
  /** At most so late, in seconds. */
  readonly seconds: number
  /** For each of `nodes` a delay in seconds. */
  draw(nodes: number): number[]
}

/** Every node is as late as any other, at random. */
export class RandomLag implements Lag {
  private readonly random: () => number

  /** The same `seed` gives the same delays. */
  constructor(
    readonly seconds: number,
    seed: number,
  ) {
    this.random = randomOf(seed)
  }

  /** One hears at once, one as late as possible, the others in between. */
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

/**
 * The last node hears of everything as late as possible, the others at once. It is the worst case for an instance: with
 * random lags, the node that hears late of its deregistration may notice early that its health checks fail.
 */
export const worstLag = (seconds: number): Lag => ({
  seconds,
  draw: (nodes) => Array.from({ length: nodes }, (_, index) => (index === nodes - 1 ? seconds : 0)),
})
