import type { TrafficFigures } from '../../../../scripts/lib/probe/traffic.ts'
import type { Life } from '../fleet/instances.ts'
import type { ReleaseName } from '../fleet/releases.ts'
import type { FailedRequest, ReadBack, Second } from '../load/lines.ts'

export interface Expectation {
  what: string
  met: boolean
  /** What was seen. */
  seen: string
}

export interface Mark {
  at: number
  what: string
}

/** A run of scripts/rollout, perhaps by scripts/deploy, whose time and exit code it then has. */
export interface Rollout {
  from: string
  to: string
  script: 'rollout' | 'deploy'
  startedAt: number
  endedAt: number
  exitCode: number
  /** How much longer the shortened waits would have been on AWS, in seconds. */
  cutSeconds: number
  /** What its own receipt says; undefined if it wrote none. */
  verdict: string | undefined
  traffic: TrafficFigures | undefined
  probe: { requests: number; failed: number; longestGapSeconds: number } | undefined
}

/** The result of a scenario, as its runner hands it over. Times are milliseconds since the epoch. */
export interface Result {
  scenario: string
  instances: number
  rate: number
  clients: number
  pace: number
  startedAt: number
  /** End of the load, before reading back. */
  endedAt: number
  releases: Partial<Record<ReleaseName, string>>
  /** Release of an instance. */
  releaseOf: Record<string, string>
  lives: Life[]
  rollouts: Rollout[]
  marks: Mark[]
  seconds: Second[]
  /** Failures that the scenario does not allow. */
  unexpectedFailures: FailedRequest[]
  readBack: ReadBack
  expectations: Expectation[]
}
