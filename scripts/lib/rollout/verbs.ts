import {
  countReleases,
  type Fleet,
  inService,
  isHealthy,
  isRunning,
  present,
  rolledBackRelease,
} from '../aws/fleet.ts'
import { findImage, findVersion, listVersions, type TemplateVersion } from '../aws/images.ts'
import { cancelRefresh, markRolledBack, rollBackRefresh, startRefresh } from '../aws/refresh.ts'
import { pause, withRetry } from '../aws/retry.ts'
import { EXIT, Stop } from '../errors.ts'
import { painter, releaseCounts, shortRelease } from '../format.ts'
import { preflight } from './preflight.ts'
import { memberTable } from './progress.ts'
import { type Context, emptyReceipt, runRollout, writeReceipt } from './run.ts'
import { findUrl } from './service-url.ts'
import { BAKE_SECONDS, CHECKPOINTS, MAX_HEALTHY, MIN_HEALTHY } from './settings.ts'

/** Checks, starts a refresh to the version asked for, and follows it. */
export async function start(context: Context): Promise<number> {
  const { aws, settings, progress } = context
  const { launchTemplateId = '', launchTemplateVersion: version = 0, release } = settings
  const fleet = await snapshot(context)
  const rollout = {
    version,
    release,
    previousRelease: releaseInService(fleet, version),
    isRollback: false,
    notes: [] as string[],
  }
  if (release && rolledBackRelease(fleet) === release && !settings.retry) {
    const text = `release ${shortRelease(release)} was rolled back on this group; --retry tries it again`
    if (!settings.skipRolledBack) throw new Stop(`${text}. Nothing was started.`)
    await writeReceipt(context, {
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
    start: () =>
      startRefresh(aws, {
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
      }),
  })
}

/** Follows the refresh that runs, or tells how the newest one ended. */
export async function watch(context: Context): Promise<number> {
  const { aws, settings } = context
  const fleet = await snapshot(context)
  const { refresh } = fleet
  if (!refresh) throw new Stop(`there was no refresh of ${settings.group} yet: nothing to watch`)
  const wanted = refresh.DesiredConfiguration?.LaunchTemplate
  const version = wanted?.Version ? Number(wanted.Version) : fleet.version
  const found =
    wanted?.LaunchTemplateId && version
      ? await findVersion(aws, wanted.LaunchTemplateId, version)
      : undefined
  return await runRollout(await probing(context, fleet), {
    version,
    release: found?.release ?? settings.release,
    previousRelease: releaseInService(fleet, version),
    isRollback: false,
    probing: 'from now',
    notes: [],
    start: async () => refresh.InstanceRefreshId,
  })
}

/** Prints the group once. */
export async function status(context: Context): Promise<number> {
  const { settings } = context
  const fleet = await snapshot(context)
  const { refresh } = fleet
  const marked = rolledBackRelease(fleet)
  if (settings.json) {
    const { name, desired, version, members } = fleet
    const report = {
      group: name,
      desired,
      launchTemplateVersion: version,
      rolledBackRelease: marked,
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
      ...(marked ? [`rolled back ${shortRelease(marked)}`] : []),
      '',
      ...memberTable(view, painter(process.stdout)),
    ].join('\n'),
  )
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
        `refresh ${fleet.refresh?.Status}; in service: ${releaseCounts(countReleases(fleet))}. Instances stay as they are: 'scripts/rollout rollback' goes back, a new deploy goes on.`,
      )
      return fleet.refresh?.Status === 'Cancelled' ? EXIT.ok : EXIT.failed
    }
    if (Date.now() > deadline) throw new Stop('AWS is still cancelling the refresh', EXIT.timedOut)
    await pause(retryPolicy.pollMs, retryPolicy.signal)
  }
}

/** Goes back: turns a running refresh round, else refreshes to an earlier version. */
export async function rollback(context: Context): Promise<number> {
  const { aws, settings, progress } = context
  const fleet = await snapshot(context)
  const templateId = fleet.group.LaunchTemplate?.LaunchTemplateId
  const own = fleet.version
  if (!templateId || own === undefined) {
    throw new Stop(
      `${settings.group} has no launch template with a numbered version: nothing to go back to`,
    )
  }
  const versions = await listVersions(aws, templateId)
  const releaseOf = (number: number | undefined): string | undefined =>
    versions.find((version) => version.number === number)?.release

  const measured = await probing(context, fleet)
  if (isRunning(fleet.refresh?.Status)) {
    const bad = Number(fleet.refresh?.DesiredConfiguration?.LaunchTemplate?.Version)
    progress.note(`turning the running refresh round, back to version ${own}`)
    return await runRollout(measured, {
      version: own,
      release: releaseOf(own),
      previousRelease: releaseOf(bad),
      isRollback: true,
      probing: 'from now',
      notes: [],
      start: async () => {
        await rollBackRefresh(aws, settings.group)
        await mark(context, releaseOf(bad), releaseOf(own))
        return fleet.refresh?.InstanceRefreshId
      },
    })
  }

  const target = await previousVersion(context, versions, fleet)
  progress.note(
    `going back from version ${own} to version ${target.number}, release ${shortRelease(target.release)}`,
  )
  return await runRollout(measured, {
    version: target.number,
    release: target.release,
    previousRelease: releaseOf(own),
    isRollback: true,
    probing: 'from now',
    notes: [],
    start: async () => {
      // No alarms, which may well ring now, and no way back to the version that is being left.
      const id = await startRefresh(aws, {
        group: settings.group,
        templateId,
        version: target.number,
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
      await mark(context, releaseOf(own), target.release)
      return id
    },
  })
}

async function previousVersion(
  { aws }: Context,
  versions: TemplateVersion[],
  fleet: Fleet,
): Promise<TemplateVersion> {
  const { version: own = 0 } = fleet
  const bad = [rolledBackRelease(fleet), versions.find(({ number }) => number === own)?.release]
  for (const version of versions) {
    if (version.number >= own || (version.release && bad.includes(version.release))) continue
    const image = version.imageId ? await findImage(aws, version.imageId) : undefined
    if (image?.state === 'available') return version
  }
  throw new Stop(
    `there is no launch template version before ${own} of another release that was not rolled back and whose AMI still exists: bake an older commit and deploy it`,
  )
}

/** With the service's URL in the settings: without --url it is looked for, unless no probe is wanted. */
async function probing(context: Context, fleet: Fleet): Promise<Context> {
  const { aws, settings } = context
  if (settings.url || settings.noProbe) return context
  return { ...context, settings: { ...settings, url: await findUrl(aws, fleet) } }
}

async function mark(
  { aws, settings }: Context,
  bad: string | undefined,
  good: string | undefined,
): Promise<void> {
  if (bad && bad !== good) await markRolledBack(aws, settings.group, bad)
}

/** The release that runs on instances of another version than the one to go to. */
function releaseInService(fleet: Fleet, version: number | undefined): string | undefined {
  return (fleet.members.find((member) => member.version !== version) ?? fleet.members[0])?.release
}

async function snapshot({ watch, retryPolicy }: Context): Promise<Fleet> {
  const fleet = await withRetry(() => watch.snapshot(), retryPolicy)
  if (!fleet) throw new Stop('interrupted', EXIT.interrupted)
  return fleet
}
