import { explain } from '../aws/errors.ts'
import { Stop } from '../cli/errors.ts'
import { type Finding, unknown } from '../verify/finding.ts'
import { checkAlarms } from './alarms.ts'
import { checkCertificate } from './certificate.ts'
import type { Environment } from './environment.ts'
import { checkImages } from './images.ts'
import { checkAgents, checkInstances } from './instances.ts'
import { checkJournal } from './journal.ts'
import { checkAddresses, checkEndpoints } from './network.ts'
import { checkNotifications } from './notifications.ts'
import { checkParameters } from './parameters.ts'
import { checkPipelines } from './pipelines.ts'
import { checkPlan } from './plan.ts'
import { checkQuotas } from './quotas.ts'
import { checkRollback } from './rollback.ts'
import { checkService } from './service.ts'
import { checkStore } from './store.ts'

export type Check = (environment: Environment) => Promise<Finding[]>

/** What is checked, by name: what callers feel first, and what takes longest last. */
export const CHECKS = {
  service: checkService,
  instances: checkInstances,
  alarms: checkAlarms,
  notifications: checkNotifications,
  rollback: checkRollback,
  images: checkImages,
  store: checkStore,
  parameters: checkParameters,
  agents: checkAgents,
  journal: checkJournal,
  endpoints: checkEndpoints,
  addresses: checkAddresses,
  quotas: checkQuotas,
  certificate: checkCertificate,
  pipelines: checkPipelines,
  plan: checkPlan,
} satisfies Record<string, Check>

export type CheckName = keyof typeof CHECKS

/** Those without which nobody knows whether the service is well and could go back: not known counts as a problem. */
const VITAL: CheckName[] = ['service', 'instances', 'alarms', 'rollback']

/** A finding, with the check that made it. */
export interface Result extends Finding {
  check: CheckName
  /** Whether it is a reason to do something. */
  counts: boolean
}

export interface Examination {
  names: CheckName[]
  /** How long each check may take, in milliseconds. */
  limitOf: (name: CheckName) => number
  /** Called with the results of each check in the order of `names`. */
  show: (results: Result[]) => void
  /** Called with the checks that are still waited for. */
  wait: (names: CheckName[]) => void
}

/** Makes all checks at once. A check that fails or takes too long is unknown and keeps nothing from the others. */
export async function examine(
  environment: Environment,
  { names, limitOf, show, wait }: Examination,
): Promise<Result[]> {
  const waiting = new Set(names)
  const all = names.map(async (name) => {
    const findings = await within(limitOf(name), CHECKS[name](environment)).catch((error) => [
      unknown(error instanceof Stop ? error.message : explain(error)),
    ])
    waiting.delete(name)
    wait([...waiting])
    return findings.map((finding) => ({
      check: name,
      ...finding,
      counts:
        finding.status === 'problem' || (finding.status === 'unknown' && VITAL.includes(name)),
    }))
  })
  wait(names)
  const results: Result[] = []
  for (const made of all) {
    const some = await made
    results.push(...some)
    show(some)
  }
  return results
}

/** A check had no answer in its time. */
export class TooLate extends Stop {}

/** Rejects with `TooLate` when `work`, which goes on, takes longer than `ms`. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new TooLate(`no answer within ${ms / 1000} s`)), ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}
