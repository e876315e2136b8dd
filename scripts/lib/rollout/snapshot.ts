import { attemptsOf, explain } from '../aws/errors.ts'
import { withRetry } from '../aws/retry.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { type Fleet, operatorOf } from '../fleet/fleet.ts'
import { cancelRefresh, newestRefresh, recordOperator } from '../fleet/refresh.ts'
import { type Survey, survey } from '../fleet/survey.ts'
import { findUrl } from '../fleet/url.ts'
import type { Context } from './run.ts'

/** The group now, retried through throttling and network failures. Throws `Stop` when interrupted. */
export const snapshot = (context: Context, refreshId?: string): Promise<Fleet> =>
  patiently(context, () => context.watch.snapshot(refreshId))

/** The group with all that shows where it is going, retried likewise. Throws `Stop` when interrupted. */
export const surveyed = (context: Context): Promise<Survey> =>
  patiently(context, () => survey(context.aws, context.watch))

/** What `call` returns, retried likewise. Throws `Stop` when interrupted. */
export async function patiently<T>({ retryPolicy }: Context, call: () => Promise<T>): Promise<T> {
  const value = await withRetry(async () => ({ of: await call() }), retryPolicy)
  if (!value) throw new Stop('interrupted', EXIT.interrupted)
  return value.of
}

/** Has AWS cancel the running refresh. A lost answer counts, if AWS is at it. */
export async function stopRefresh(context: Context): Promise<void> {
  const { aws, settings } = context
  await cancelRefresh(aws, settings.group).catch(async (error: Error) => {
    const { refresh } = await snapshot(context)
    const isStopped = refresh?.Status === 'Cancelling' || refresh?.Status === 'Cancelled'
    if (
      !isStopped ||
      attemptsOf(error) < 2 ||
      !error.name.startsWith('ActiveInstanceRefreshNotFound')
    ) {
      throw error
    }
  })
}

/** The context with the service's URL in its settings. If it is not found, there is no probe, and a note says why. */
export async function probing(context: Context, fleet: Fleet, notes: string[]): Promise<Context> {
  const { aws, settings } = context
  if (settings.url || settings.noProbe) return context
  const url = await findUrl(aws, fleet, context.recordedUrl).catch((error: Error) => {
    notes.push(error.message)
    return undefined
  })
  return { ...context, settings: { ...settings, url } }
}

/** A refresh began between a decision and its execution. */
export class Overtaken extends Stop {
  constructor({ name, group }: Fleet) {
    super(
      `another rollout of ${name} started in the meantime${by(group)}: see 'scripts/rollout status'. Nothing was started.`,
    )
  }
}

/** ` by alice at <time>`; empty if none is recorded. */
export function by(group: Fleet['group']): string {
  const operator = operatorOf(group)
  return operator ? ` by ${operator}` : ''
}

/** Records who is operating the group, for others to see. A failure stops nothing: it becomes a note. */
export async function signIn({ aws }: Context, fleet: Fleet, notes: string[]): Promise<void> {
  await recordOperator(aws, fleet).catch((error) => {
    notes.push(`could not record who started this: ${explain(error)}`)
  })
}

/**
 * Throws `Overtaken` if a refresh began since the snapshot `fleet`. AWS has no conditional start, so this is checked
 * last: the remaining gap is one call wide.
 */
export async function assertNotOvertaken(context: Context, { refresh }: Fleet): Promise<void> {
  const newest = await patiently(context, () => newestRefresh(context.aws, context.settings.group))
  if (newest?.InstanceRefreshId === refresh?.InstanceRefreshId) return
  throw new Overtaken(await snapshot(context))
}
