import { withRetry } from '../aws/retry.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { blamedFor } from '../fleet/direction.ts'
import { countBy, inService, isHealthy, present, releaseReplacedBy } from '../fleet/fleet.ts'
import { findFreeze } from '../fleet/freeze.ts'
import { recordPrevious } from '../fleet/marks.ts'
import { assertNotOvertaken, fittingCheckpoints, startRefresh } from '../fleet/refresh.ts'
import { knownBad } from '../fleet/survey.ts'
import { emptyReceipt } from '../receipt/receipt.ts'
import { type Context, noteOperator, surveyed } from './context.ts'
import type { Checkpoints } from './decide.ts'
import { checkpointsFor, MAX_HEALTHY, MIN_HEALTHY, watchSecondsFor } from './options.ts'
import { pausesFor } from './pace.ts'
import { preflight, tooFewAnswers, tooLittleTime } from './preflight.ts'
import { runRollout } from './run.ts'

/** Checks, starts a refresh to the version asked for, and follows it. */
export async function start(context: Context): Promise<number> {
  const { aws, watch, settings, progress, retryPolicy } = context
  const { launchTemplateId: templateId = '', release } = settings
  const { launchTemplateVersion: templateVersion = 0 } = settings
  const { fleet, rolledBack, launchedBy, imageOf } = await surveyed(context)
  const ami = imageOf(templateVersion)
  const rollout = {
    templateVersion,
    ami,
    release,
    previousRelease: releaseReplacedBy(fleet, templateVersion),
    blamed: blamedFor({ release, imageId: ami }, launchedBy(fleet.templateVersion)),
    isRollback: false,
    isGuarded: true,
    notes: settings.note ? [settings.note] : [],
  }
  const bad = knownBad(rolledBack, release, ami)
  if (bad && !settings.retry) {
    const text = `${bad} was rolled back on this group; --retry tries it again`
    if (!settings.skipRolledBack) throw new Stop(`${text}. Nothing was started.`)
    context.deliver({
      ...emptyReceipt(settings.group, rollout),
      reason: text,
      releases: countBy('release', fleet),
      images: countBy('ami', fleet),
    })
    return EXIT.ok
  }
  const percentages = settings.checkpoints ?? checkpointsFor(fleet.desired)
  const checkpoints = fittingCheckpoints(percentages, fleet.desired)
  // A new group launches this version on its own; so does one whose refresh succeeded before.
  const isThere = [fleet, ...present(fleet)].every(
    (each) => each.templateVersion === templateVersion,
  )
  const checked = await preflight(aws, fleet, {
    ...settings,
    // Alarms have nothing to stop, and those of a new group may not have data yet.
    ignoreAlarms: settings.ignoreAlarms || isThere,
    templateId,
    templateVersion,
  })
  const stops: Checkpoints = {
    percentages: checkpoints,
    delayMs: checked.checkpointDelaySeconds * 1000,
    answers: settings.checkpointAnswers,
    watchSeconds: watchSecondsFor(checked.alarms, settings),
  }
  const problems = [
    ...checked.problems,
    ...tooFewAnswers(stops, fleet.desired, settings),
    ...tooLittleTime(stops, settings),
  ]
  if (problems.length > 0) {
    throw new Stop(`nothing was started:\n${problems.map((text) => `- ${text}`).join('\n')}`)
  }
  for (const note of checked.notes) progress.note(`note: ${note}`)
  rollout.notes.push(...checked.notes)
  if (isThere) {
    progress.note(`the group already launches version ${templateVersion}: nothing to replace`)
    const serving = inService(fleet).filter(isHealthy).length
    return await runRollout(context, {
      ...rollout,
      probing: serving < fleet.desired ? 'afterwards' : 'from now',
      start: async () => undefined,
    })
  }
  const note = (text: string) => rollout.notes.push(text)
  const freeze = await findFreeze(aws, settings.group, Date.now(), note)
  if (freeze && !settings.duringFreeze) {
    throw new Stop(
      `deploys are frozen: ${freeze}. --during-freeze starts anyway. Nothing was started.`,
    )
  }
  if (freeze) note(`shipped although frozen: ${freeze}`)
  return await runRollout(context, {
    ...rollout,
    fleet,
    checkpoints: (perSecond) => {
      const { pauses, why } = pausesFor(fleet, stops, perSecond, settings)
      progress.note(`pace: ${why}`)
      return pauses
    },
    probing: 'throughout',
    start: async (pauses = stops) => {
      await withRetry(() => recordPrevious(aws, fleet), retryPolicy).catch((error: Error) => {
        rollout.notes.push(`could not record the running version: ${error.message}`)
      })
      await withRetry(() => assertNotOvertaken(aws, watch, fleet), retryPolicy)
      const plan = {
        group: settings.group,
        templateId,
        templateVersion,
        desired: fleet.desired,
        minHealthy: MIN_HEALTHY,
        maxHealthy: MAX_HEALTHY,
        checkpoints,
        checkpointDelaySeconds: pauses.delayMs / 1000,
        bakeSeconds: pauses.watchSeconds,
        alarms: checked.alarms,
        autoRollback: true,
        newest: fleet.refresh?.InstanceRefreshId,
      }
      const id = await startRefresh(aws, plan, retryPolicy)
      noteOperator(context, fleet, rollout.notes)
      return id
    },
  })
}
