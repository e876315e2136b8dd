import { classifyError, LostAnswer } from '../aws/errors.ts'
import { pause, withChange, withRetry } from '../aws/retry.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import { runAutomation } from '../fleet/automation.ts'
import { blamedFor } from '../fleet/direction.ts'
import { countBy, type Fleet, present } from '../fleet/fleet.ts'
import { markRolledBack, recordPrevious } from '../fleet/marks.ts'
import { previousVersion } from '../fleet/previous.ts'
import {
  assertNotOvertaken,
  cancelRefresh,
  Overtaken,
  rollBackRefresh,
  startRefresh,
} from '../fleet/refresh.ts'
import { isRunning } from '../fleet/refresh-status.ts'
import type { Survey } from '../fleet/survey.ts'
import { emptyReceipt } from '../receipt/receipt.ts'
import {
  type Context,
  keepingSight,
  noteOperator,
  orLost,
  surveyed,
  untilFleet,
  withUrl,
} from './context.ts'
import { MAX_HEALTHY, MIN_HEALTHY } from './options.ts'
import { suspensions } from './preflight.ts'
import { runRollout } from './run.ts'

/** Undoes the newest change that is not yet undone; follows one that is being undone. */
export async function rollback(context: Context): Promise<number> {
  const { progress, retryPolicy, deadline } = context
  context.watch.toleratesDenied = true
  for (;;) {
    try {
      return await undo(context)
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error
      if (Date.now() > deadline) throw new Stop(error.message, EXIT.timedOut)
      progress.note('another rollout began meanwhile: deciding again')
      await pause(retryPolicy.pollMs, retryPolicy.signal)
    }
  }
}

async function undo(context: Context): Promise<number> {
  const { settings, progress } = context
  const seen = await settled(context)
  const { direction, fleet } = seen
  if (fleet.templateVersion === undefined) throw noNumber(settings.group)
  switch (direction.kind) {
    case 'forward':
      progress.note(`reversing the running refresh, back to version ${direction.from}`)
      return await goBack(context, seen, direction.from, direction.to, () =>
        turnRound(context, seen, direction.from, direction.refreshId),
      )
    case 'back':
      progress.note(`a rollback to version ${direction.to} is already running: following it`)
      return await goBack(
        context,
        seen,
        direction.to,
        direction.from,
        async () => direction.refreshId,
      )
    case 'recycling': {
      const { templateVersion: saved } = fleet
      const isMixed = present(fleet).some(({ templateVersion }) => templateVersion !== saved)
      // Where there is no way back, this refuses before anything is stopped.
      if (!isMixed) await previousVersion(context.aws, seen)
      progress.note(
        'stopping a refresh that only replaces instances by others of their own version',
      )
      const { aws, watch, retryPolicy } = context
      const { group } = settings
      await withRetry(() => assertNotOvertaken(aws, watch, fleet), retryPolicy)
      await withChange(() => cancelRefresh(aws, group), retryPolicy).catch(orLost(group))
      return await keepingSight(group, async () => {
        await untilEnded(context)
        return await undo(context)
      })
    }
    case 'stopped': {
      const { back, left } = direction
      progress.note(`rolling back to version ${back}, which not every instance has`)
      // On an unfinished way back the leftovers are good: it is the saved version that is being left.
      const bad = back === fleet.templateVersion ? left : fleet.templateVersion
      return await goBack(context, seen, back, bad, () => startBack(context, seen, back))
    }
    case 'settled': {
      const { undone } = direction
      if (undone !== undefined && !settings.further)
        return await nothingToUndo(context, seen, undone)
      const target = await previousVersion(context.aws, seen)
      progress.note(
        `rolling back from version ${fleet.templateVersion} to version ${target}, release ${shortRelease(seen.releaseOf(target))}`,
      )
      return await goBack(context, seen, target, fleet.templateVersion, () =>
        startBack(context, seen, target),
      )
    }
  }
}

/** The group once no refresh is being cancelled: that one can neither be reversed nor followed to its target. */
async function settled(context: Context): Promise<Survey> {
  for (;;) {
    const seen = await surveyed(context)
    if (seen.fleet.refresh?.Status !== 'Cancelling') return seen
    context.progress.note('waiting for AWS to cancel the refresh')
    await untilEnded(context)
  }
}

const untilEnded = (context: Context): Promise<Fleet> =>
  untilFleet(context, 'cancelling the refresh', ({ refresh }) => !isRunning(refresh?.Status))

async function goBack(
  context: Context,
  { fleet, launchedBy, releaseOf, imageOf }: Survey,
  to: number,
  bad: number | undefined,
  start: () => Promise<string | undefined>,
): Promise<number> {
  const notes = suspensions(fleet)
  const blamed = blamedFor(launchedBy(bad), launchedBy(to))
  return await runRollout(await withUrl(context, fleet, notes), {
    templateVersion: to,
    ami: imageOf(to),
    release: releaseOf(to),
    previousRelease: releaseOf(bad),
    blamed: undefined,
    isRollback: true,
    isGuarded: false,
    probing: 'from now',
    notes,
    start: async () => {
      const id = await start()
      // A straggler's older version is no release that is being left.
      if (blamed && bad !== undefined && bad > to) {
        const mark = () => markRolledBack(context.aws, fleet, blamed)
        await withRetry(mark, context.retryPolicy).catch((error: Error) => {
          notes.push(`${shortRelease(blamed)} could not be marked: ${error.message}`)
        })
      }
      return id
    },
  })
}

/** Reverses a running refresh, or starts a new one back if AWS cannot. Returns the id to follow. */
async function turnRound(
  context: Context,
  seen: Survey,
  to: number,
  refreshId: string,
): Promise<string | undefined> {
  const { aws, watch, settings, progress, retryPolicy } = context
  try {
    await withRetry(() => assertNotOvertaken(aws, watch, seen.fleet), retryPolicy)
    await withChange(() => rollBackRefresh(aws, settings.group), retryPolicy)
    noteOperator(context, seen.fleet)
    return refreshId
  } catch (error) {
    const { name } = error as Error
    if (name.startsWith('IrreversibleInstanceRefresh')) {
      progress.note('AWS cannot reverse this refresh: cancelling it, then rolling back')
      await withChange(() => cancelRefresh(aws, settings.group), retryPolicy)
    } else if (!name.startsWith('ActiveInstanceRefreshNotFound')) throw error
    return await keepingSight(settings.group, async () => {
      // It may have ended, or been reversed, since the survey.
      const now = await untilEnded(context)
      return now.refresh?.Status === 'RollbackSuccessful'
        ? now.refresh.InstanceRefreshId
        : await startBack(context, seen, to)
    })
  }
}

/** Starts a refresh that goes back. No alarms, which may well be in ALARM now, and no rollback to what is being left. */
async function startBack(
  context: Context,
  { fleet }: Survey,
  templateVersion: number,
): Promise<string> {
  const { aws, watch, settings, retryPolicy } = context
  await withRetry(() => recordPrevious(aws, fleet), retryPolicy).catch(() => {})
  const plan = {
    group: settings.group,
    templateId: fleet.group.LaunchTemplate?.LaunchTemplateId ?? '',
    templateVersion,
    desired: fleet.desired,
    minHealthy: MIN_HEALTHY,
    maxHealthy: MAX_HEALTHY,
    // The old release has proved itself: checkpoints would only keep the bad one longer.
    checkpoints: settings.checkpoints ?? [],
    checkpointDelaySeconds: settings.checkpointDelaySeconds ?? 0,
    bakeSeconds: settings.watchSeconds ?? 0,
    alarms: [],
    autoRollback: false,
    newest: fleet.refresh?.InstanceRefreshId,
  }
  try {
    const id = await withRetry(async () => {
      await assertNotOvertaken(aws, watch, fleet)
      return await startRefresh(aws, plan, retryPolicy).catch((error: Error) => {
        if (classifyError(error) !== 'denied') throw error
        return startByRunbook(context, templateVersion)
      })
    }, retryPolicy)
    noteOperator(context, fleet)
    return id
  } catch (error) {
    if (error instanceof LostAnswer) throw error
    // By a refresh that AWS may not list yet.
    const { name, message } = error as Error
    if (`${name} ${message}`.includes('InstanceRefreshInProgress')) throw new Overtaken(fleet)
    throw error
  }
}

/** People on duty may not launch instances: the runbook that Terraform makes has a role that may. */
async function startByRunbook(context: Context, templateVersion: number): Promise<string> {
  const { aws, settings, progress, retryPolicy } = context
  progress.note(
    'starting the rollback by the runbook, without checkpoints and without watching at the end',
  )
  const outputs = await runAutomation(aws, {
    group: settings.group,
    verb: 'rollback',
    parameters: { LaunchTemplateVersion: [String(templateVersion)] },
    subject: settings.group,
    pollMs: retryPolicy.pollMs,
    timeoutMs: retryPolicy.patienceMs,
  })
  return outputs['start.RefreshId']?.[0] ?? ''
}

const noNumber = (group: string): Stop =>
  new Stop(
    `${group} has no launch template with a numbered version: AWS cannot roll back. Set a number instead of $Latest or $Default`,
  )

async function nothingToUndo(context: Context, seen: Survey, undone: number): Promise<number> {
  const { fleet, releaseOf, imageOf } = seen
  const { templateVersion } = fleet
  context.deliver({
    ...emptyReceipt(context.settings.group, {
      templateVersion,
      ami: imageOf(templateVersion),
      release: releaseOf(templateVersion),
      previousRelease: releaseOf(undone),
      isRollback: true,
      notes: [],
    }),
    reason: `nothing to undo: no instance has version ${undone} any longer. 'scripts/rollout rollback --further' goes back beyond version ${templateVersion}`,
    releases: countBy('release', fleet),
    images: countBy('ami', fleet),
  })
  return EXIT.ok
}
