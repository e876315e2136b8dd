import { pause, withRetry } from '../aws/retry.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { clockTime, painter, releaseCounts, shortRelease, table } from '../cli/format.ts'
import {
  countReleases,
  type Fleet,
  inService,
  isHealthy,
  isRunning,
  present,
  suspendedProcesses,
} from '../fleet/fleet.ts'
import {
  desiredVersion,
  fittingCheckpoints,
  recordPrevious,
  startRefresh,
} from '../fleet/refresh.ts'
import { emptyReceipt } from '../receipt/receipt.ts'
import type { Checkpoints } from './decide.ts'
import { preflight } from './preflight.ts'
import { memberTable } from './progress.ts'
import { type Context, runRollout } from './run.ts'
import {
  bakeSecondsFor,
  checkpointsFor,
  MAX_HEALTHY,
  MIN_HEALTHY,
  type Settings,
} from './settings.ts'
import {
  assertNotOvertaken,
  by,
  patiently,
  probing,
  signIn,
  snapshot,
  stopRefresh,
  surveyed,
} from './snapshot.ts'

/** Checks, starts a refresh to the version asked for, and follows it. */
export async function start(context: Context): Promise<number> {
  const { aws, settings, progress } = context
  const { launchTemplateId = '', launchTemplateVersion: version = 0, release } = settings
  const { fleet, rolledBack, imageOf } = await surveyed(context)
  const rollout = {
    version,
    ami: imageOf(version),
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
      ...emptyReceipt(settings.group, rollout),
      reason: text,
      releases: countReleases(fleet),
    })
    return EXIT.ok
  }
  const percentages = settings.checkpoints ?? checkpointsFor(fleet.desired)
  const checkpoints = fittingCheckpoints(percentages, fleet.desired)
  // A new group launches this version on its own; so does one whose refresh succeeded before.
  const there =
    fleet.version === version && present(fleet).every((each) => each.version === version)
  const checked = await preflight(aws, fleet, {
    ...settings,
    // Alarms have nothing to stop, and those of a new group may not have data yet.
    ignoreAlarms: settings.ignoreAlarms || there,
    launchTemplateId,
    launchTemplateVersion: version,
  })
  const stops: Checkpoints = {
    percentages: checkpoints,
    delayMs: checked.checkpointDelaySeconds * 1000,
    answers: settings.checkpointAnswers,
  }
  const bakeSeconds = settings.bakeSeconds ?? bakeSecondsFor(checked.alarms)
  const problems = [
    ...checked.problems,
    ...tooFewAnswers(stops, fleet.desired, settings),
    ...tooLittleTime(stops, bakeSeconds, settings),
  ]
  if (problems.length > 0) {
    throw new Stop(`nothing was started:\n${problems.map((text) => `- ${text}`).join('\n')}`)
  }
  for (const note of checked.notes) progress.note(`note: ${note}`)
  rollout.notes.push(...checked.notes)
  if (there) {
    progress.note(`the group already launches version ${version}: nothing to replace`)
    const serving = inService(fleet).filter(isHealthy).length
    return await runRollout(context, {
      ...rollout,
      probing: serving < fleet.desired ? 'afterwards' : 'from now',
      start: async () => undefined,
    })
  }
  return await runRollout(context, {
    ...rollout,
    checkpoints: stops,
    probing: 'throughout',
    start: async () => {
      const { retryPolicy } = context
      await withRetry(() => recordPrevious(aws, fleet), retryPolicy).catch((error: Error) => {
        rollout.notes.push(`could not record the running version: ${error.message}`)
      })
      await assertNotOvertaken(context, fleet)
      const plan = {
        group: settings.group,
        templateId: launchTemplateId,
        version,
        desired: fleet.desired,
        minHealthy: MIN_HEALTHY,
        maxHealthy: MAX_HEALTHY,
        checkpoints,
        checkpointDelaySeconds: checked.checkpointDelaySeconds,
        bakeSeconds,
        alarms: checked.alarms,
        autoRollback: true,
        newest: fleet.refresh?.InstanceRefreshId,
      }
      const id = await startRefresh(aws, plan, retryPolicy)
      void signIn(context, fleet, rollout.notes)
      return id
    },
  })
}

/** Follows the running refresh, or reports how the newest one ended. Never reverses it. */
export async function watch(context: Context): Promise<number> {
  const { settings } = context
  const seen = await surveyed(context)
  const { fleet, direction, releaseOf, imageOf } = seen
  const { refresh } = fleet
  if (!refresh) throw new Stop(`${settings.group} has had no refresh yet: nothing to watch`)
  const version = desiredVersion(refresh) ?? fleet.version
  const rollout = {
    version,
    ami: imageOf(version),
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
      `group       ${fleet.name}: ${releaseCounts(countReleases(fleet))}, ${fleet.desired} desired, launch template version ${fleet.version ?? 'none'}`,
      `refresh     ${refresh ? `${refresh.Status} ${refresh.PercentageComplete ?? 0} %${reason}, started ${refresh.StartTime?.toISOString()}${by(fleet.group)}` : 'none yet'}`,
      ...(rolledBack.length > 0 ? [`rolled back ${rolledBack.map(shortRelease).join(', ')}`] : []),
      ...suspendedLine(fleet),
      '',
      ...memberTable(view, painter(process.stdout)),
    ].join('\n'),
  )
  return EXIT.ok
}

/** Prints the refreshes that AWS still remembers (it keeps them for six weeks). */
export async function list(context: Context): Promise<number> {
  const { refreshes, releaseOf } = await surveyed(context)
  const rows = refreshes.map((refresh) => {
    const version = desiredVersion(refresh)
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
    `version ${row.launchTemplateVersion ?? 'unknown'}`,
    shortRelease(row.release),
    row.status,
    row.reason,
  ])
  const heading = ['STARTED', 'TOOK', 'TO', 'RELEASE', 'STATUS', 'REASON']
  console.log(rows.length > 0 ? table([heading, ...cells]).join('\n') : 'no refresh yet')
  return EXIT.ok
}

/** Stops the refresh where it is, and waits until AWS has done so. */
export async function cancel(context: Context): Promise<number> {
  const { settings, retryPolicy, progress } = context
  const before = await snapshot(context)
  await patiently(context, () => stopRefresh(context))
  void signIn(context, before, [])
  const deadline = Date.now() + settings.timeoutSeconds * 1000
  // Somebody may start another one as soon as this one is cancelled.
  const cancelled = isRunning(before.refresh?.Status)
    ? before.refresh?.InstanceRefreshId
    : undefined
  for (;;) {
    const fleet = await snapshot(context, cancelled)
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
        `refresh ${fleet.refresh?.Status}; in service: ${releaseCounts(countReleases(fleet))}. Instances stay as they are: 'scripts/rollout rollback' undoes it, a new deploy continues it.`,
      )
      return fleet.refresh?.Status === 'Cancelled' ? EXIT.ok : EXIT.failed
    }
    if (Date.now() > deadline) throw new Stop('AWS is still cancelling the refresh', EXIT.timedOut)
    await pause(retryPolicy.pollMs, retryPolicy.signal)
  }
}

/** Refuses a probe so slow that a good release could hardly give the answers that its checkpoints require. */
function tooFewAnswers(
  { percentages: [first], delayMs, answers }: Checkpoints,
  desired: number,
  { rate, noProbe }: Settings,
): string[] {
  if (noProbe || first === undefined || answers === 0) return []
  // While one instance is new, all the old ones may still be serving.
  const share = Math.ceil((desired * first) / 100) / (desired + 1)
  const expected = Math.floor((delayMs / 1000) * rate * share)
  if (expected >= 2 * answers) return []
  return [
    `a checkpoint requires ${answers} answers from the new release, but the probe would get only about ${expected}: raise --rate (${rate} per second) or --checkpoint-delay-seconds, or pass --checkpoint-answers 0`,
  ]
}

/** Refuses pauses so long that the rollout would be left before its end, with nobody to judge the release. */
function tooLittleTime(
  { percentages, delayMs }: Checkpoints,
  bakeSeconds: number,
  { timeoutSeconds, beforeSeconds }: Settings,
): string[] {
  const seconds = beforeSeconds + (percentages.length * delayMs) / 1000 + bakeSeconds
  if (seconds < timeoutSeconds) return []
  return [
    `the checkpoints and the bake time alone take ${Math.ceil(seconds)} s, but --timeout-seconds is ${timeoutSeconds}: raise it, or lower --checkpoint-delay-seconds or --bake-seconds`,
  ]
}

/** The release on instances that do not have the target version. */
function releaseInService(fleet: Fleet, version: number | undefined): string | undefined {
  return (fleet.members.find((member) => member.version !== version) ?? fleet.members[0])?.release
}

function suspendedLine(fleet: Fleet): string[] {
  const names = suspendedProcesses(fleet)
  return names.length > 0 ? [`suspended   ${names.join(', ')}`] : []
}
