import { withChange, withRetry } from '../aws/retry.ts'
import { EXIT } from '../cli/errors.ts'
import { releaseCounts } from '../cli/format.ts'
import { countBy } from '../fleet/fleet.ts'
import { cancelRefresh } from '../fleet/refresh.ts'
import { isRunning } from '../fleet/refresh-status.ts'
import { type Context, keepingSight, noteOperator, orLost, untilFleet } from './context.ts'

/** Stops the refresh where it is, and waits until AWS has done so. */
export async function cancel(context: Context): Promise<number> {
  const { aws, watch, settings, retryPolicy, progress } = context
  const { group } = settings
  const before = await withRetry(() => watch.snapshot(), { ...retryPolicy, demandsHost: true })
  // Somebody may start another one as soon as this one is cancelled.
  const newest = before.refresh?.InstanceRefreshId
  const [id, ended] = isRunning(before.refresh?.Status) ? [newest] : [undefined, newest]
  await withChange(() => cancelRefresh(aws, group, ended), retryPolicy).catch(orLost(group))
  noteOperator(context, before)
  const startedAt = before.at
  const after = await keepingSight(group, () =>
    untilFleet(
      context,
      'cancelling the refresh',
      (fleet) => {
        const { templateVersion } = fleet
        progress.update({ startedAt, fleet, release: undefined, templateVersion })
        return !isRunning(fleet.refresh?.Status)
      },
      id,
    ),
  )
  progress.end()
  progress.note(
    `refresh ${after.refresh?.Status}; in service: ${releaseCounts(countBy('release', after))}. Instances stay as they are: 'scripts/rollout rollback' undoes it, a new deploy continues it.`,
  )
  return after.refresh?.Status === 'Cancelled' ? EXIT.ok : EXIT.failed
}
