import type { Aws } from '../aws/clients.ts'
import { explain, LostAnswer } from '../aws/errors.ts'
import { pause, type RetryPolicy, withRetry } from '../aws/retry.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { type Fleet, FleetWatch } from '../fleet/fleet.ts'
import { recordOperator } from '../fleet/marks.ts'
import { type Survey, survey } from '../fleet/survey.ts'
import { findUrl } from '../fleet/url.ts'
import type { Receipt } from '../receipt/receipt.ts'
import { writeReceipt } from '../receipt/write.ts'
import { type Evidence, EvidenceFolder } from './evidence.ts'
import { type RunHook, runHook } from './hooks.ts'
import { type Progress, progressOn } from './live-view.ts'
import type { Settings } from './options.ts'

/** What every verb uses. */
export interface Context {
  aws: Aws
  settings: Settings
  watch: FleetWatch
  progress: Progress
  retryPolicy: RetryPolicy
  /** When the verb gives up, in milliseconds since the epoch. */
  deadline: number
  /** Begins to collect evidence from failing instances, for one rollout. */
  collectEvidence(): Evidence
  runHook: RunHook
  /** The service's URL as Terraform knows it, for the group of this name. */
  recordedUrl(group: string): Promise<string | undefined>
  /** Outputs the receipt. */
  deliver(receipt: Receipt): void
}

export function createContext(
  aws: Aws,
  settings: Settings,
  signal: AbortSignal,
  recordedUrl: Context['recordedUrl'],
): Context {
  const progress = progressOn(settings.json ? process.stderr : process.stdout)
  return {
    aws,
    settings,
    watch: new FleetWatch(aws, settings.group),
    progress,
    retryPolicy: {
      pollMs: settings.pollSeconds * 1000,
      patienceMs: settings.patienceSeconds * 1000,
      signal,
      note: (text) => progress.note(text),
    },
    deadline: Date.now() + settings.timeoutSeconds * 1000,
    collectEvidence: () =>
      new EvidenceFolder(aws, {
        group: settings.group,
        folder: settings.evidence,
        pollMs: Math.min(1, settings.pollSeconds) * 1000,
        timeoutMs: 30_000,
      }),
    runHook: (stage, environment, signal) =>
      runHook(settings.hooks?.folder ?? '', stage, {
        environment,
        limitSeconds: settings.hookSeconds,
        signal,
        show: progress.note,
      }),
    recordedUrl,
    deliver: (receipt) => writeReceipt(settings, receipt),
  }
}

/** The group with all that shows where it is going, before anything is started. */
export const surveyed = ({ aws, watch, retryPolicy }: Context): Promise<Survey> =>
  withRetry(() => survey(aws, watch), { ...retryPolicy, demandsHost: true })

/** Polls the group until `isDone`. Throws `Stop` when the verb's time is up: `what` AWS is still doing. */
export async function untilFleet(
  { watch, retryPolicy, deadline }: Context,
  what: string,
  isDone: (fleet: Fleet) => boolean,
  refreshId?: string,
): Promise<Fleet> {
  for (;;) {
    const fleet = await withRetry(() => watch.snapshot(refreshId), retryPolicy)
    if (isDone(fleet)) return fleet
    if (Date.now() > deadline) {
      throw new Stop(`AWS is still ${what}. ${whereItGoesOn(fleet.name)}`, EXIT.timedOut)
    }
    await pause(retryPolicy.pollMs, retryPolicy.signal)
  }
}

/** What follows a change that AWS has accepted: if AWS cannot be asked any longer, it is lost from sight. */
export async function keepingSight<T>(group: string, followUp: () => Promise<T>): Promise<T> {
  try {
    return await followUp()
  } catch (error) {
    if (error instanceof Stop) throw error
    throw new Stop(`${explain(error)} ${whereItGoesOn(group)}`, EXIT.lostSight)
  }
}

/** Of a change that AWS may have carried out, and can no longer be asked: it is lost from sight, too. */
export const orLost =
  (group: string) =>
  (error: Error): never => {
    if (!(error instanceof LostAnswer)) throw error
    throw new Stop(`${explain(error.lost)} ${whereItGoesOn(group)}`, EXIT.lostSight)
  }

/** What to do about a refresh that is no longer followed. */
export const whereItGoesOn = (group: string): string =>
  `The refresh continues. Follow it with 'scripts/rollout watch --group ${group}', undo it with 'scripts/rollout rollback --group ${group}', or stop it where it is with 'scripts/rollout cancel --group ${group}'.`

/** The context with the service's URL in its settings. If it is not found, there is no probe, and a note says why. */
export async function withUrl(context: Context, fleet: Fleet, notes: string[]): Promise<Context> {
  const { aws, settings } = context
  if (settings.url || settings.noProbe) return context
  const url = await findUrl(aws, fleet, context.recordedUrl).catch((error: Error) => {
    notes.push(error.message)
    return undefined
  })
  return { ...context, settings: { ...settings, url } }
}

/** Records on the group, for others to see, who started this; it is not waited for. A failure becomes a note. */
export function noteOperator({ aws }: Context, fleet: Fleet, notes: string[] = []): void {
  recordOperator(aws, fleet).catch((error: Error) => {
    notes.push(`could not record who started this: ${error.message}`)
  })
}
