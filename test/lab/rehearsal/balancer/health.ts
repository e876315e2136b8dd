import type { TargetHealth } from '../../aws-double/driver.ts'
import { RULES } from './configuration.ts'
import type { Row } from './haproxy.ts'

export const INITIAL: TargetHealth = { state: 'initial', reason: 'Elb.InitialHealthChecking' }
export const DRAINING: TargetHealth = {
  state: 'draining',
  reason: 'Target.DeregistrationInProgress',
}
export const UNUSED: TargetHealth = { state: 'unused', reason: 'Target.NotRegistered' }

/** A target is not called unhealthy before so many checks may have failed. */
export const SETTLING_MS = RULES.interval * RULES.unhealthy * 1000

/** Why a target is unhealthy: HAProxy's result of the last check in the load balancer's words. */
export function unhealthy({ check_status = '', check_code = '' }: Row): TargetHealth {
  if (check_status === 'L7STS') {
    return {
      state: 'unhealthy',
      reason: 'Target.ResponseCodeMismatch',
      description: `Health checks failed with these codes: [${check_code}]`,
    }
  }
  const late = /TOUT$/.test(check_status)
  return {
    state: 'unhealthy',
    reason: late ? 'Target.Timeout' : 'Target.FailedHealthChecks',
    description: late ? 'Request timed out' : 'Health checks failed',
  }
}

/** What the nodes' views of a target come to: one node is enough to call it healthy, as it gets requests from then on. */
export function combine(views: TargetHealth[]): TargetHealth {
  const first = (state: TargetHealth['state']) => views.find((view) => view.state === state)
  return first('healthy') ?? first('unhealthy') ?? first('initial') ?? INITIAL
}
