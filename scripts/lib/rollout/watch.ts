import { Stop } from '../cli/errors.ts'
import { blamedFor } from '../fleet/direction.ts'
import { releaseReplacedBy } from '../fleet/fleet.ts'
import { targetOf } from '../fleet/refresh.ts'
import { type Context, surveyed, withUrl } from './context.ts'
import { runRollout } from './run.ts'

/** Follows the running refresh, or reports how the newest one ended. Never reverses it. */
export async function watch(context: Context): Promise<number> {
  const { settings } = context
  const { fleet, direction, launchedBy, releaseOf, imageOf } = await surveyed(context)
  const { refresh } = fleet
  if (!refresh) throw new Stop(`${settings.group} has had no refresh yet: nothing to watch`)
  const templateVersion = targetOf(refresh) ?? fleet.templateVersion
  const notes: string[] = []
  return await runRollout(await withUrl(context, fleet, notes), {
    templateVersion,
    ami: imageOf(templateVersion),
    release: releaseOf(templateVersion) ?? settings.release,
    previousRelease: releaseReplacedBy(fleet, templateVersion),
    blamed: blamedFor(launchedBy(templateVersion), launchedBy(fleet.templateVersion)),
    isRollback: direction.kind === 'back' && !direction.turnedRound,
    isGuarded: false,
    probing: 'from now',
    notes,
    fleet,
    start: async () => refresh.InstanceRefreshId,
  })
}
