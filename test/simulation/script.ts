export type Quality = 'good' | 'never healthy' | 'broken' | 'broken later' | 'slow' | 'no launch'

/** Somebody at a terminal. */
export interface Operator {
  verb: 'start' | 'watch' | 'rollback' | 'cancel'
  /** Of the episode. */
  afterSeconds: number
  /** Of start. */
  version: number
  retry?: boolean
  /** Of rollback. */
  further?: boolean
  /** Ctrl-C so long after it began. */
  interruptedAfterSeconds?: number
  /** The terminal, or the machine, is gone. */
  killedAfterSeconds?: number
}

/** What happens to the group, whoever rolls out what. */
export interface Disturbance {
  kind: 'die' | 'scale' | 'standby' | 'suspend'
  afterSeconds: number
  /** How long an instance stands by, or a process is suspended. */
  forSeconds: number
  /** Of scale: instances wanted from then on. */
  desired: number
  /** Of suspend. */
  process: 'Launch' | 'Terminate' | 'InstanceRefresh' | 'HealthCheck'
}

/** All that happens in an episode, apart from what follows from it. */
export interface Script {
  instances: number
  /** By launch template version, from 1. 1 is older than what runs, 2 runs: both are good. */
  releases: Quality[]
  operators: Operator[]
  disturbances: Disturbance[]
  /** Whether an alarm rings while a broken release serves. */
  alarms: boolean
  bootSeconds: number
  /** How long AWS does not tell of a new refresh. */
  lagSeconds: number
  /** How long AWS takes to cancel a refresh. */
  cancelSeconds: number
  /** Of calls that go wrong in the first minutes. */
  faultRate: number
  faultMinutes: number
  delaySeconds: number
}

/** A script by chance. */
export function scriptOf(random: () => number): Script {
  const oneOf = <T>(...values: T[]): T => values[Math.floor(random() * values.length)] as T
  const upTo = (limit: number): number => Math.floor(random() * limit)
  const releases: Quality[] = [
    'good',
    'good',
    // Slow ones are rare: they take many requests to be noticed.
    random() < 0.04
      ? 'slow'
      : oneOf<Quality>('good', 'good', 'never healthy', 'broken', 'broken later', 'no launch'),
    oneOf<Quality>('good', 'good', 'broken'),
  ]
  const operators: Operator[] = [{ verb: 'start', afterSeconds: 0, version: 3 }]
  let at = 0
  for (let count = upTo(4); count > 0; count--) {
    // Most do the next thing after a while, some at the same time.
    at += oneOf(0, 20, 120, 600, 1500)
    const verb = oneOf<Operator['verb']>('rollback', 'rollback', 'watch', 'cancel', 'start')
    operators.push({
      verb,
      afterSeconds: at,
      version: oneOf(3, 4),
      ...(verb === 'start' && random() < 0.2 ? { retry: true } : {}),
    })
  }
  for (const operator of operators) {
    if (random() < 0.2) operator.interruptedAfterSeconds = 1 + upTo(900)
    else if (random() < 0.15) operator.killedAfterSeconds = 1 + upTo(900)
  }
  const faulty = random() < 0.4
  return {
    instances: oneOf(1, 2, 3),
    releases,
    operators,
    disturbances: Array.from({ length: random() < 0.3 ? 1 + upTo(2) : 0 }, () => ({
      kind: oneOf<Disturbance['kind']>('die', 'scale', 'standby', 'suspend'),
      afterSeconds: upTo(2400),
      forSeconds: 60 + upTo(1800),
      desired: 1 + upTo(5),
      process: oneOf<Disturbance['process']>(
        'Launch',
        'Terminate',
        'InstanceRefresh',
        'HealthCheck',
      ),
    })),
    alarms: random() < 0.5,
    bootSeconds: oneOf(5, 30, 90),
    lagSeconds: oneOf(0, 0, 0, 10),
    cancelSeconds: oneOf(0, 0, 90),
    faultRate: faulty ? oneOf(0.02, 0.1, 0.3) : 0,
    faultMinutes: faulty ? 5 + upTo(40) : 0,
    delaySeconds: oneOf(1, 10, 40),
  }
}
