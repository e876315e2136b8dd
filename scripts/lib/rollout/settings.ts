import type { KeyObject } from 'node:crypto'

/** The settings of all verbs. */
export interface Settings {
  group: string
  /** Of the service through its load balancer, without a trailing slash. */
  url: string | undefined
  launchTemplateId: string | undefined
  launchTemplateVersion: number | undefined
  release: string | undefined
  alarms: string[]
  ignoreAlarms: boolean
  retry: boolean
  /** Go back again after a change that is already undone. */
  further: boolean
  skipRolledBack: boolean
  /** Percentages to stop at; undefined leaves it to the verb. */
  checkpoints: number[] | undefined
  /** Undefined: as long as the slowest alarm needs. */
  checkpointDelaySeconds: number | undefined
  /** Answers from the new release that a checkpoint requires; 0: none. */
  checkpointAnswers: number
  /** Undefined leaves it to the verb. */
  bakeSeconds: number | undefined
  stallSeconds: number
  timeoutSeconds: number
  pollSeconds: number
  patienceSeconds: number
  /** Probe requests per second. */
  rate: number
  token: string | undefined
  /** Infinity accepts any number of failures. */
  failureBudget: number
  beforeSeconds: number
  afterSeconds: number
  observeSeconds: number
  noProbe: boolean
  json: boolean
  receipt: string | undefined
  /** Signs the receipt; only with a file to write it to. */
  receiptKey: KeyObject | undefined
  evidence: string | undefined
}

/** The default checkpoints of a new release: a large fleet pauses first at a tenth. */
export const checkpointsFor = (desired: number): number[] =>
  desired < 10 ? [50, 100] : [10, 50, 100]

/**
 * The whole fleet is new at the last checkpoint, which lasts until the slowest alarm can ring. After it, only what the last
 * old instances still answer while they are deregistered has to pass: 30 s, and one more period of the alarms.
 */
export const WATCHED_BAKE_SECONDS = 60
/** Without alarms the probe watches alone, and notices partial failures more slowly. */
export const UNWATCHED_BAKE_SECONDS = 300

/** The default bake time of a new release, in seconds, with the alarms that watch it. */
export const bakeSecondsFor = (alarms: readonly unknown[]): number =>
  alarms.length > 0 ? WATCHED_BAKE_SECONDS : UNWATCHED_BAKE_SECONDS

/** New before old: full capacity serves throughout, and as many again may start at once. */
export const MIN_HEALTHY = 100
export const MAX_HEALTHY = 200
