import {
  countReleases,
  type Fleet,
  inService,
  isHealthy,
  isRunning,
  present,
} from '../aws/fleet.ts'
import { findImage } from '../aws/images.ts'
import {
  cancelRefresh,
  markRolledBack,
  notePrevious,
  rollBackRefresh,
  startRefresh,
} from '../aws/refresh.ts'
import { pause, withRetry } from '../aws/retry.ts'
import { EXIT, Stop } from '../errors.ts'
import { clockTime, painter, releaseCounts, shortRelease, table } from '../format.ts'
import { preflight } from './preflight.ts'
import { memberTable } from './progress.ts'
import { type Context, emptyReceipt, runRollout } from './run.ts'
import { findUrl } from './service-url.ts'
import { BAKE_SECONDS, CHECKPOINTS, MAX_HEALTHY, MIN_HEALTHY } from './settings.ts'
import { type Survey, survey } from './survey.ts'

/** Checks, starts a refresh to the version asked for, and follows it. */
export async function start(context: Context): Promise<number> {
  const { aws, settings, progress } = context
  const { launchTemplateId = '', launchTemplateVersion: version = 0, release } = settings
  const { fleet, rolledBack } = await surveyed(context)
  const rollout = {
    version,
    release,
    previousRelease: releaseInService(fleet, version),
    isRollback: false,
    guarded: true,
    notes: [] as string[],
  }
  if (release && rolledBack.includes(release) && !settings.retry) {
    const text = `release ${shortRelease(release)} was rolled back on this group; --retry tries it again`
    if (!settings.skipRolledBack) throw new Stop(`${text}. Nothing was started.`)
    await context.deliver({
      ...emptyReceipt(settings, rollout),
      reason: text,
      releases: countReleases(fleet),
    })
    return EXIT.ok
  }
  const checked = await preflight(aws, fleet, {
    ...settings,
    launchTemplateId,
    launchTemplateVersion: version,
  })
  if (checked.problems.length > 0) {
    throw new Stop(
      `nothing was started:\n${checked.problems.map((text) => `- ${text}`).join('\n')}`,
    )
  }
  for (const note of checked.notes) progress.note(`note: ${note}`)
  rollout.notes.push(...checked.notes)

  // A new group launches this version by itself; so does one whose refresh succeeded before.
  const there =
    fleet.version === version && present(fleet).every((each) => each.version === version)
  if (there) {
    progress.note(`version ${version} is the group's own already: nothing to replace`)
    const serving = inService(fleet).filter(isHealthy).length
    return await runRollout(context, {
      ...rollout,
      probing: serving < fleet.desired ? 'afterwards' : 'from now',
      start: async () => undefined,
    })
  }
  return await runRollout(context, {
    ...rollout,
    probing: 'throughout',
    start: async () => {
      await notePrevious(aws, fleet).catch((error: Error) => {
        rollout.notes.push(`which version runs now could not be noted: ${error.message}`)
      })
      return await startRefresh(aws, {
        group: settings.group,
        templateId: launchTemplateId,
        version,
        desired: fleet.desired,
        minHealthy: MIN_HEALTHY,
        maxHealthy: MAX_HEALTHY,
        checkpoints: settings.checkpoints ?? CHECKPOINTS,
        checkpointDelaySeconds: settings.checkpointDelaySeconds,
        bakeSeconds: settings.bakeSeconds ?? BAKE_SECONDS,
        alarms: checked.alarms,
        autoRollback: true,
      })
    },
  })
}

/** Follows the refresh that runs, or tells how the newest one ended. Never turns it round. */
export async function watch(context: Context): Promise<number> {
  const { settings } = context
  const seen = await surveyed(context)
  const { fleet, direction, releaseOf } = seen
  const { refresh } = fleet
  if (!refresh) throw new Stop(`there was no refresh of ${settings.group} yet: nothing to watch`)
  const wanted = refresh.DesiredConfiguration?.LaunchTemplate?.Version
  const version = wanted ? Number(wanted) : fleet.version
  const rollout = {
    version,
    release: releaseOf(version) ?? settings.release,
    previousRelease: releaseInService(fleet, version),
    isRollback: direction.kind === 'back' && !direction.turnedRound,
    guarded: false,
    notes: [] as string[],
  }
  return await runRollout(await probing(context, fleet, rollout.notes), {
    ...rollout,
    probing: 'from now',
    start: async () => refresh.InstanceRefreshId,
  })
}

/** Prints the group once. */
export async function status(context: Context): Promise<number> {
  const { settings } = context
  const { fleet, rolledBack, direction } = await surveyed(context)
  const { refresh } = fleet
  if (settings.json) {
    const { name, desired, version, members } = fleet
    const report = {
      group: name,
      desired,
      launchTemplateVersion: version,
      rolledBackReleases: rolledBack,
      direction,
      refresh,
      instances: members,
    }
    console.log(JSON.stringify(report, undefined, 2))
    return EXIT.ok
  }
  const view = {
    startedAt: fleet.at,
    fleet,
    release: undefined,
    version: fleet.version,
    figures: undefined,
  }
  const reason = refresh?.StatusReason ? ` (${refresh.StatusReason})` : ''
  console.log(
    [
      `group       ${fleet.name}: ${releaseCounts(countReleases(fleet))}, ${fleet.desired} wanted, launch template version ${fleet.version ?? 'none'}`,
      `refresh     ${refresh ? `${refresh.Status} ${refresh.PercentageComplete ?? 0} %${reason}, started ${refresh.StartTime?.toISOString()}` : 'none yet'}`,
      ...(rolledBack.length > 0 ? [`rolled back ${rolledBack.map(shortRelease).join(', ')}`] : []),
      ...suspendedLine(fleet),
      '',
      ...memberTable(view, painter(process.stdout)),
    ].join('\n'),
  )
  return EXIT.ok
}

/** Prints the refreshes that AWS still knows of, which it keeps for six weeks. */
export async function list(context: Context): Promise<number> {
  const { refreshes, releaseOf } = await surveyed(context)
  const rows = refreshes.map((refresh) => {
    const version = Number(refresh.DesiredConfiguration?.LaunchTemplate?.Version)
    const { StartTime: start, EndTime: end } = refresh
    return {
      started: start?.toISOString() ?? '',
      seconds: start && end ? (end.getTime() - start.getTime()) / 1000 : undefined,
      status: refresh.Status ?? 'Pending',
      launchTemplateVersion: version,
      release: releaseOf(version),
      reason: refresh.RollbackDetails?.RollbackReason ?? refresh.StatusReason ?? '',
    }
  })
  if (context.settings.json) {
    console.log(JSON.stringify(rows, undefined, 2))
    return EXIT.ok
  }
  const cells = rows.map((row) => [
    row.started,
    row.seconds === undefined ? '-' : clockTime(row.seconds),
    `version ${row.launchTemplateVersion}`,
    shortRelease(row.release),
    row.status,
    row.reason,
  ])
  const heading = ['STARTED', 'TOOK', 'TO', 'RELEASE', 'STATUS', 'REASON']
  console.log(rows.length > 0 ? table([heading, ...cells]).join('\n') : 'no refresh yet')
  return EXIT.ok
}

/** Stops the refresh where it is, and waits until AWS says so. */
export async function cancel(context: Context): Promise<number> {
  const { aws, settings, retryPolicy, progress } = context
  await snapshot(context)
  await cancelRefresh(aws, settings.group)
  const deadline = Date.now() + settings.timeoutSeconds * 1000
  for (;;) {
    const fleet = await snapshot(context)
    progress.update({
      startedAt: fleet.at,
      fleet,
      release: undefined,
      version: fleet.version,
      figures: undefined,
    })
    if (!isRunning(fleet.refresh?.Status)) {
      progress.end()
      progress.note(
        `refresh ${fleet.refresh?.Status}; in service: ${releaseCounts(countReleases(fleet))}. Instances stay as they are: 'scripts/rollout rollback' undoes it, a new deploy goes on.`,
      )
      return fleet.refresh?.Status === 'Cancelled' ? EXIT.ok : EXIT.failed
    }
    if (Date.now() > deadline) throw new Stop('AWS is still cancelling the refresh', EXIT.timedOut)
    await pause(retryPolicy.pollMs, retryPolicy.signal)
  }
}

/** Undoes the newest change that is not undone; one that is being undone is followed. */
export async function rollback(context: Context): Promise<number> {
  const { settings, progress, retryPolicy, watch } = context
  watch.toleratesDeniedHealth = true
  let seen = await surveyed(context)
  // What is being cancelled can neither be turned round nor followed to where it was going.
  for (; isCancelling(seen); seen = await surveyed(context)) {
    progress.note('waiting for AWS to cancel the refresh')
    await pause(retryPolicy.pollMs, retryPolicy.signal)
  }
  const { direction, fleet } = seen
  switch (direction.kind) {
    case 'forward':
      progress.note(`turning the running refresh round, back to version ${direction.from}`)
      return await goBack(context, seen, direction.from, direction.to, () =>
        turnRound(context, seen, direction.from, direction.refreshId),
      )
    case 'back':
      progress.note(`a way back to version ${direction.to} runs already: following it`)
      return await goBack(
        context,
        seen,
        direction.to,
        direction.from,
        async () => direction.refreshId,
      )
    case 'stopped': {
      const { back, left } = direction
      progress.note(`going back to version ${back}, which not every instance has`)
      // What is left on a way back is good: the saved version is what is being left.
      const bad = back === fleet.version ? left : fleet.version
      return await goBack(context, seen, back, bad, () => startBack(context, seen, back))
    }
    case 'settled': {
      const { undone } = direction
      if (undone !== undefined && !settings.further)
        return await nothingToUndo(context, seen, undone)
      const target = await previousVersion(context, seen)
      progress.note(`going back from version ${fleet.version} to version ${target}`)
      return await goBack(context, seen, target, fleet.version, () =>
        startBack(context, seen, target),
      )
    }
  }
}

const isCancelling = ({ fleet }: Survey): boolean => fleet.refresh?.Status === 'Cancelling'

async function goBack(
  context: Context,
  { fleet, releaseOf }: Survey,
  to: number,
  bad: number | undefined,
  start: () => Promise<string | undefined>,
): Promise<number> {
  const notes: string[] = []
  const measured = await probing(context, fleet, notes)
  const [good, left] = [releaseOf(to), releaseOf(bad)]
  return await runRollout(measured, {
    version: to,
    release: good,
    previousRelease: left,
    isRollback: true,
    guarded: false,
    probing: 'from now',
    notes,
    start: async () => {
      const id = await start()
      if (left && left !== good) {
        await markRolledBack(context.aws, fleet, left).catch((error: Error) => {
          notes.push(`release ${shortRelease(left)} could not be marked: ${error.message}`)
        })
      }
      return id
    },
  })
}

/** Turns a running refresh round, or has its undoing started anew where AWS will not. Returns the id to follow. */
async function turnRound(
  context: Context,
  seen: Survey,
  to: number,
  refreshId: string,
): Promise<string | undefined> {
  const { aws, settings, progress } = context
  try {
    await rollBackRefresh(aws, settings.group)
    return refreshId
  } catch (error) {
    const { name } = error as Error
    if (name.startsWith('IrreversibleInstanceRefresh')) {
      progress.note('AWS cannot turn this refresh round: cancelling it, then going back')
      await cancelRefresh(aws, settings.group)
    } else if (!name.startsWith('ActiveInstanceRefreshNotFound')) throw error
    // It may have ended, or been turned round, since it was looked at.
    const now = await untilEnded(context)
    return now.refresh?.Status === 'RollbackSuccessful'
      ? now.refresh.InstanceRefreshId
      : await startBack(context, seen, to)
  }
}

async function untilEnded(context: Context): Promise<Fleet> {
  const { retryPolicy } = context
  for (;;) {
    const fleet = await snapshot(context)
    if (!isRunning(fleet.refresh?.Status)) return fleet
    await pause(retryPolicy.pollMs, retryPolicy.signal)
  }
}

/** Starts a refresh that goes back. No alarms, which may well ring now, and no way back to what is being left. */
async function startBack(
  { aws, settings }: Context,
  { fleet }: Survey,
  version: number,
): Promise<string> {
  return await startRefresh(aws, {
    group: settings.group,
    templateId: fleet.group.LaunchTemplate?.LaunchTemplateId ?? '',
    version,
    desired: fleet.desired,
    minHealthy: MIN_HEALTHY,
    maxHealthy: MAX_HEALTHY,
    // What is gone back to has proved itself: stops on the way would only keep the bad release longer.
    checkpoints: settings.checkpoints ?? [],
    checkpointDelaySeconds: settings.checkpointDelaySeconds,
    bakeSeconds: settings.bakeSeconds ?? 0,
    alarms: [],
    autoRollback: false,
  })
}

async function nothingToUndo(context: Context, seen: Survey, undone: number): Promise<number> {
  const { fleet, releaseOf } = seen
  const { settings } = context
  await context.deliver({
    ...emptyReceipt(settings, {
      version: fleet.version,
      release: releaseOf(fleet.version),
      previousRelease: releaseOf(undone),
      notes: [],
    }),
    reason: `nothing to undo: no instance has version ${undone} any more. 'scripts/rollout rollback --further' goes back beyond version ${fleet.version}`,
    releases: countReleases(fleet),
  })
  return EXIT.ok
}

/**
 * The last version that served before the one that runs, of another release that was not rolled back and whose AMI exists.
 * One that AWS does not know to have served comes after those: it may never have been started.
 */
async function previousVersion({ aws, settings }: Context, seen: Survey): Promise<number> {
  const { fleet, versions, rolledBack, releaseOf, before } = seen
  const { version: own } = fleet
  if (own === undefined) {
    throw new Stop(
      `${settings.group} has no launch template with a numbered version: nothing to go back to`,
    )
  }
  const bad = [...rolledBack, releaseOf(own)]
  const served = before.flatMap((number) => versions.find((each) => each.number === number) ?? [])
  for (const version of [...served, ...versions]) {
    if (version.number >= own || (version.release && bad.includes(version.release))) continue
    const image = version.imageId ? await findImage(aws, version.imageId) : undefined
    if (image?.state === 'available') return version.number
  }
  throw new Stop(
    `there is no launch template version before ${own} of another release that was not rolled back and whose AMI still exists: bake an older commit and deploy it`,
  )
}

/** With the service's URL in the settings. Where it is not to be found, there is no probe, and a note says why. */
async function probing(context: Context, fleet: Fleet, notes: string[]): Promise<Context> {
  const { aws, settings } = context
  if (settings.url || settings.noProbe) return context
  const url = await findUrl(aws, fleet).catch((error: Error) => {
    notes.push(error.message)
    return undefined
  })
  return { ...context, settings: { ...settings, url } }
}

/** The release that runs on instances of another version than the one to go to. */
function releaseInService(fleet: Fleet, version: number | undefined): string | undefined {
  return (fleet.members.find((member) => member.version !== version) ?? fleet.members[0])?.release
}

function suspendedLine({ group }: Fleet): string[] {
  const names = (group.SuspendedProcesses ?? []).map(({ ProcessName }) => ProcessName ?? '')
  return names.length > 0 ? [`suspended   ${names.join(', ')}`] : []
}

async function snapshot({ watch, retryPolicy }: Context): Promise<Fleet> {
  const fleet = await withRetry(() => watch.snapshot(), retryPolicy)
  if (!fleet) throw new Stop('interrupted', EXIT.interrupted)
  return fleet
}

async function surveyed({ aws, watch, retryPolicy }: Context): Promise<Survey> {
  const seen = await withRetry(() => survey(aws, watch), retryPolicy)
  if (!seen) throw new Stop('interrupted', EXIT.interrupted)
  return seen
}
