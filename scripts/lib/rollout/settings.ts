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

export const BAKE_SECONDS = 300

/** New before old: full capacity serves throughout, and as many again may start at once. */
export const MIN_HEALTHY = 100
export const MAX_HEALTHY = 200
