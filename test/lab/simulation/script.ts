import type { Stage } from '../../../scripts/lib/receipt/receipt.ts'
import { STAGES } from '../../../scripts/lib/rollout/hooks.ts'

export type Quality =
  | 'good'
  | 'never healthy'
  | 'broken'
  | 'broken later'
  /** For requests that the probe does not send. */
  | 'broken for users'
  /** The same, once nothing else serves. */
  | 'broken for users alone'
  | 'slow'
  | 'no launch'

export type HookQuality = 'well' | 'fails' | 'hangs'

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
  /** Time from the verb's start to Ctrl-C. */
  interruptedAfterSeconds?: number
  /** Time from the verb's start to the loss of the terminal or the machine. */
  killedAfterSeconds?: number
  /** When the machine is suspended, from the verb's start, and for how long. */
  sleeps?: { afterSeconds: number; forSeconds: number }
  /** Of start. */
  duringFreeze?: boolean
  /** Whether there is no room for the receipt where it is to be written. */
  cannotWrite?: boolean
}

/** Something that happens to the group, independently of its rollouts. */
export interface Disturbance {
  /** `recycle`: somebody replaces all instances by others of their own version. */
  kind: 'die' | 'scale' | 'standby' | 'suspend' | 'recycle'
  afterSeconds: number
  /** How long an instance is on standby, or a process suspended; of recycle: whether it names the version, if even. */
  forSeconds: number
  /** Of scale: the desired capacity from then on. */
  desired: number
  /** Of suspend. */
  process: 'Launch' | 'Terminate' | 'InstanceRefresh' | 'HealthCheck'
}

/** The network fails when a call arrives: it is carried out, but nobody hears from AWS for a while. */
export interface Outage {
  action: 'StartInstanceRefresh' | 'RollbackInstanceRefresh' | 'CancelInstanceRefresh'
  seconds: number
}

/** Everything that happens in an episode, except its consequences. */
export interface Script {
  instances: number
  /** By launch template version, from 1. Version 1 is older than the running one, 2 is running: both are good. */
  releases: Quality[]
  /** Of the same release as version 2, version 3 may be a changed setting, or a patched image. */
  sameRelease?: 'setting' | 'patch'
  /** Executables for stages of each rollout. */
  hooks: Partial<Record<Stage, HookQuality>>
  /** While deploys are frozen, in seconds of the episode. */
  freeze?: { from: number; to: number }
  /** The status of what a broken release answers: 502 comes from the load balancer, for a connection that was reset. */
  brokenStatus: 500 | 502
  operators: Operator[]
  disturbances: Disturbance[]
  /** What users send, in requests per second; they do wherever a release is broken for them only. */
  usersPerSecond: number
  /** Whether an alarm watches, which is in ALARM while a broken release serves. */
  alarms: boolean
  bootSeconds: number
  /** How long AWS does not list a new refresh. */
  lagSeconds: number
  /** How long AWS takes to cancel a refresh; for ever, if it hangs. */
  cancelSeconds: number
  /** Share of calls that go wrong in the first minutes. */
  faultRate: number
  faultMinutes: number
  delaySeconds: number
  outage?: Outage
}

/** Longer than anybody waits. */
const HANGS = 1e9

/** A random script. */
export function scriptOf(random: () => number): Script {
  const oneOf = <T>(...values: T[]): T => values[Math.floor(random() * values.length)] as T
  const upTo = (limit: number): number => Math.floor(random() * limit)
  const releases: Quality[] = [
    'good',
    'good',
    // Slow ones are rare: noticing them takes many requests.
    random() < 0.04
      ? 'slow'
      : oneOf<Quality>(
          'good',
          'good',
          'never healthy',
          'broken',
          'broken later',
          'broken for users',
          'broken for users alone',
          'no launch',
        ),
    oneOf<Quality>('good', 'good', 'broken'),
  ]
  const operators: Operator[] = [{ verb: 'start', afterSeconds: 0, version: 3 }]
  let at = 0
  for (let count = upTo(4); count > 0; count--) {
    // Most operators act some time after the previous one, some at the same time.
    at += oneOf(0, 20, 120, 600, 1500)
    const verb = oneOf<Operator['verb']>('rollback', 'rollback', 'watch', 'cancel', 'start')
    operators.push({
      verb,
      afterSeconds: at,
      version: oneOf(3, 4),
      ...(verb === 'start' && random() < 0.2 ? { retry: true } : {}),
      ...(verb === 'start' && random() < 0.3 ? { duringFreeze: true } : {}),
    })
  }
  for (const operator of operators) {
    if (random() < 0.2) operator.interruptedAfterSeconds = 1 + upTo(900)
    else if (random() < 0.15) operator.killedAfterSeconds = 1 + upTo(900)
    if (random() < 0.12)
      operator.sleeps = { afterSeconds: upTo(900), forSeconds: oneOf(60, 700, 1800) }
    if (random() < 0.1) operator.cannotWrite = true
  }
  const faulty = random() < 0.4
  const from = oneOf(0, 0, upTo(2400))
  return {
    instances: oneOf(1, 2, 3),
    releases,
    ...(random() < 0.12 ? { sameRelease: oneOf('setting' as const, 'patch' as const) } : {}),
    hooks:
      random() < 0.2
        ? Object.fromEntries(
            STAGES.map((stage) => [stage, oneOf('well', 'well', 'fails', 'hangs')]),
          )
        : {},
    ...(random() < 0.06 ? { freeze: { from, to: from + oneOf(600, 3000, HANGS) } } : {}),
    brokenStatus: oneOf(500, 502),
    operators,
    disturbances: Array.from({ length: random() < 0.3 ? 1 + upTo(2) : 0 }, () => ({
      kind: oneOf<Disturbance['kind']>(
        'die',
        'scale',
        'standby',
        'standby',
        'suspend',
        'recycle',
        'recycle',
      ),
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
    usersPerSecond: releases[2]?.startsWith('broken for users')
      ? oneOf(50, 500)
      : oneOf(0, 0, 10, 100),
    alarms: random() < 0.5,
    bootSeconds: oneOf(5, 30, 90),
    lagSeconds: oneOf(0, 0, 0, 10),
    cancelSeconds: random() < 0.05 ? HANGS : oneOf(0, 0, 90),
    faultRate: faulty ? oneOf(0.02, 0.1, 0.3) : 0,
    faultMinutes: faulty ? 5 + upTo(40) : 0,
    delaySeconds: oneOf(1, 10, 40),
    ...(random() < 0.1
      ? {
          outage: {
            action: oneOf<Outage['action']>(
              'StartInstanceRefresh',
              'RollbackInstanceRefresh',
              'CancelInstanceRefresh',
            ),
            seconds: oneOf(30, 120, 900),
          },
        }
      : {}),
  }
}
