/** What all verbs are given. */
export interface Settings {
  group: string
  /** Of the service through its load balancer, without a slash at the end. */
  url: string | undefined
  launchTemplateId: string | undefined
  launchTemplateVersion: number | undefined
  release: string | undefined
  alarms: string[]
  ignoreAlarms: boolean
  retry: boolean
  /** Go back again after a change that was undone already. */
  further: boolean
  skipRolledBack: boolean
  /** Percentages to stop at; undefined leaves it to the verb. */
  checkpoints: number[] | undefined
  /** Undefined: as long as the slowest alarm needs. */
  checkpointDelaySeconds: number | undefined
  /** Answers of the new release that a checkpoint waits for; 0: none. */
  checkpointAnswers: number
  /** Undefined leaves it to the verb. */
  bakeSeconds: number | undefined
  stallSeconds: number
  timeoutSeconds: number
  pollSeconds: number
  patienceSeconds: number
  /** Requests of the probe a second. */
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
  evidence: string | undefined
}

/** Where a new release stops on its way, where nothing else is said: a large fleet first with a tenth. */
export const checkpointsFor = (desired: number): number[] =>
  desired < 10 ? [50, 100] : [10, 50, 100]

export const BAKE_SECONDS = 300

/** New before old: all that should serve do so throughout, and as many again may come up at once. */
export const MIN_HEALTHY = 100
export const MAX_HEALTHY = 200
