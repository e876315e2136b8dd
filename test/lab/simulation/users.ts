import { type Reading, Traffic } from '../../../scripts/lib/probe/traffic.ts'
import { randomOf } from '../../../scripts/lib/release/compat/random.ts'

const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
export const ROUND_SECONDS = 10

/** What happens to users in a rollout, with its causes. Rates are per second, over all instances. */
export interface World {
  requests: number
  /** Share of the requests that fail, of each release; of the new one without the other, if that differs. */
  fails?: { fresh: number; former: number; alone?: number }
  /** How many times as long the new release takes. */
  slower?: number
  /** One client's bursts of failures, whatever the release: at most one per round, on one instance, of this mean size. */
  bursts?: { perRound: number; size: number }
  /** A client all of whose requests fail, whatever the release, for these rounds. */
  abuse?: { perSecond: number; from: number; to: number }
  /** Requests in this zone fail with this probability, whatever the release, from a round on. */
  sickZone?: { zone: string; share: number; from: number }
  /** All requests fail with this probability, whatever the release, for these rounds. */
  store?: { share: number; from: number; to: number }
  /** How unevenly the load balancer spreads requests: 0.3 is 30 % more or less for an instance. */
  uneven?: number
}

interface Instance {
  id: string
  zone: string
  isNew: boolean
}

const ZONES = ['a', 'b', 'c']

/**
 * The instances that serve in each round: an interval before; then at each stop all of the old ones serve beside the new
 * ones for the warm-up of a minute, and then those that are left. At the end the new ones serve alone, while the alarms watch.
 */
export function fleetOf(size: number, checkpointRounds: number): Instance[][] {
  const name = (isNew: boolean) => (_: unknown, index: number) => ({
    id: `${isNew ? 'new' : 'old'}-${index}`,
    zone: ZONES[index % ZONES.length] as string,
    isNew,
  })
  const [old, fresh] = [false, true].map((isNew) => Array.from({ length: size }, name(isNew))) as [
    Instance[],
    Instance[],
  ]
  const first = Math.max(1, Math.ceil(size / 10))
  const rounds = (count: number, instances: Instance[]) => Array(count).fill(instances)
  return [
    ...rounds(2, old),
    ...rounds(7, [...old, ...fresh.slice(0, first)]),
    ...(size > 1 ? rounds(checkpointRounds, [...old.slice(first), ...fresh.slice(0, first)]) : []),
    ...(size > 1 ? rounds(7, [...old.slice(first), ...fresh]) : []),
    ...rounds(Math.max(18, checkpointRounds + 6), fresh),
  ]
}

/** Plays the rollout to its end or to the blame. Undefined: nobody was blamed. */
export function play(
  seed: number,
  world: World,
  fleet: Instance[][],
): { round: number; failed: number; why: string } | undefined {
  const random = randomOf(seed)
  const traffic = new Traffic()
  const counters = new Map<string, Counter>()
  let failed = 0
  for (const [round, instances] of fleet.entries()) {
    const weights = instances.map(() => 1 + (world.uneven ?? 0) * (2 * random() - 1))
    const total = weights.reduce((sum, each) => sum + each, 0)
    const isAlone = instances.every(({ isNew }) => isNew)
    const burst = world.bursts && random() < world.bursts.perRound
    const hit = Math.floor(random() * instances.length)
    const readings: Reading[] = instances.map((instance, index) => {
      const counter = counters.get(instance.id) ?? new Counter()
      counters.set(instance.id, counter)
      const share = (weights[index] ?? 0) / total
      const mean = world.requests * ROUND_SECONDS * share
      const requests = poisson(random, mean)
      let failures = binomial(random, requests, failing(world, instance, round, isAlone))
      const abuse = world.abuse && isIn(world.abuse, round) ? world.abuse.perSecond : 0
      failures += poisson(random, abuse * ROUND_SECONDS * share)
      if (burst && index === hit) failures += poisson(random, world.bursts?.size ?? 0)
      counter.answer(random, requests, failures, instance, world.slower ?? 1)
      if (instance.isNew) failed += failures
      return { ...instance, counters: counter.read() }
    })
    traffic.add(readings, round * ROUND_SECONDS * 1000)
    const why = traffic.blame()
    if (why !== undefined) return { round, failed, why }
  }
  return undefined
}

function failing(
  { fails, sickZone, store }: World,
  { isNew, zone }: Instance,
  round: number,
  isAlone: boolean,
): number {
  const { fresh = 0, former = 0, alone = fresh } = fails ?? {}
  const own = isNew ? (isAlone ? alone : fresh) : former
  const sick = sickZone && sickZone.zone === zone && round >= sickZone.from ? sickZone.share : 0
  const all = store && isIn(store, round) ? store.share : 0
  return 1 - (1 - own) * (1 - sick) * (1 - all)
}

const isIn = ({ from, to }: { from: number; to: number }, round: number): boolean =>
  round >= from && round < to

class Counter {
  private requests = 0
  private failed = 0
  private readonly within = BOUNDS.map(() => 0)

  /** Most answers take some 4 ms, up to 1 ms more in another zone than the store's. */
  answer(
    random: () => number,
    requests: number,
    failed: number,
    { isNew, zone }: Instance,
    slower: number,
  ): void {
    this.requests += Math.max(requests, failed)
    this.failed += failed
    const median = (isNew ? 4 * slower : 4) + (zone === 'a' ? 0 : 1)
    let upTo = 0
    for (const [index, chance] of chancesOf(median).entries()) {
      upTo += binomial(random, requests - upTo, chance)
      this.within[index] = (this.within[index] ?? 0) + upTo
    }
  }

  read() {
    const buckets = Object.fromEntries(
      BOUNDS.map((bound, index) => [bound, this.within[index] ?? 0]),
    )
    return { 9464: { started: 1, requests: this.requests, serverErrors: this.failed, buckets } }
  }
}

const known = new Map<number, number[]>()

/** For each bound, the chance that an answer is within it, if it was not within the one before: around `median` ms. */
function chancesOf(median: number): number[] {
  const before = known.get(median)
  if (before) return before
  const within = BOUNDS.map((bound) => normalCdf(Math.log((bound * 1000) / median) / 0.5))
  const chances = within.map((each, index) => {
    const shorter = within[index - 1] ?? 0
    return Math.min(1, (each - shorter) / Math.max(1e-9, 1 - shorter))
  })
  known.set(median, chances)
  return chances
}

const normalCdf = (z: number): number => 1 / (1 + Math.exp(-1.702 * z))

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

function poisson(random: () => number, mean: number): number {
  if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)))
  let count = -1
  for (let left = 1, limit = Math.exp(-mean); left > limit; left *= random()) count++
  return Math.max(0, count)
}

function binomial(random: () => number, of: number, chance: number): number {
  if (chance <= 0 || of <= 0) return 0
  const mean = of * chance
  if (mean < 10) return Math.min(of, poisson(random, mean))
  const deviation = Math.sqrt(mean * (1 - chance))
  return Math.min(of, Math.max(0, Math.round(mean + deviation * normal(random))))
}
