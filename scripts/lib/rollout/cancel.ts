import { explain, isTransient } from '../aws/errors.ts'
import { withRetry } from '../aws/retry.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { releaseCounts } from '../cli/format.ts'
import { countReleases } from '../fleet/fleet.ts'
import { cancelRefresh } from '../fleet/refresh.ts'
import { isRunning } from '../fleet/status.ts'
import { type Context, noteOperator, untilFleet, whereItGoesOn } from './context.ts'

/** Stops the refresh where it is, and waits until AWS has done so. */
export async function cancel(context: Context): Promise<number> {
  const { aws, watch, settings, retryPolicy, progress } = context
  const before = await withRetry(() => watch.snapshot(), { ...retryPolicy, demandsHost: true })
  // Somebody may start another one as soon as this one is cancelled.
  const id = isRunning(before.refresh?.Status) ? before.refresh?.InstanceRefreshId : undefined
  const startedAt = before.at
  try {
    await withRetry(() => cancelRefresh(aws, settings.group, id), retryPolicy)
    noteOperator(context, before)
    const after = await untilFleet(
      context,
      'cancelling the refresh',
      (fleet) => {
        const { templateVersion } = fleet
        progress.update({ startedAt, fleet, release: undefined, templateVersion })
        return !isRunning(fleet.refresh?.Status)
      },
      id,
    )
    progress.end()
    progress.note(
      `refresh ${after.refresh?.Status}; in service: ${releaseCounts(countReleases(after))}. Instances stay as they are: 'scripts/rollout rollback' undoes it, a new deploy continues it.`,
    )
    return after.refresh?.Status === 'Cancelled' ? EXIT.ok : EXIT.failed
  } catch (error) {
    if (!isTransient(error)) throw error
    throw new Stop(`${explain(error)} ${whereItGoesOn(settings.group)}`, EXIT.lostSight)
  }
}
