import { type Fleet, groupTag, inService, isHealthy, present } from '../aws/fleet.ts'
import { findImage, findVersion, listVersions, type Version } from '../aws/images.ts'
import {
  cancelRefresh,
  isRunning,
  markRolledBack,
  ROLLED_BACK,
  rollBackRefresh,
  startRefresh,
} from '../aws/refresh.ts'
import { pause, steadily } from '../aws/retry.ts'
import { EXIT, painter, Stop, shortRelease } from '../cli.ts'
import { isRolledBack, preflight } from './preflight.ts'
import { memberTable } from './progress.ts'
import { mix } from './receipt.ts'
import { blank, type Context, deliver, releasesOf, travel } from './run.ts'
import { findUrl } from './service-url.ts'

/** Checks, starts a refresh to the version asked for, and follows it. */
export async function start(context: Context): Promise<number> {
  const { aws, settings, progress } = context
  const { templateId = '', version = 0, release } = settings
  const fleet = await look(context)
  const journey = {
    version,
    release,
    previousRelease: releaseInService(fleet, version),
    goesBack: false,
    notes: [] as string[],
  }
  if (release && isRolledBack(fleet, release) && !settings.retry) {
    const text = `release ${shortRelease(release)} was rolled back on this group; --retry tries it again`
    if (!settings.skipRolledBack) throw new Stop(`${text}. Nothing was started.`)
    await deliver(context, {
      ...blank(settings, journey),
      reason: text,
      releases: releasesOf(fleet),
    })
    return EXIT.ok
  }
  const checked = await preflight(aws, fleet, { ...settings, templateId, version })
  if (checked.problems.length > 0) {
    throw new Stop(
      `nothing was started:\n${checked.problems.map((text) => `- ${text}`).join('\n')}`,
    )
  }
  for (const note of checked.notes) progress.note(`note: ${note}`)
  journey.notes.push(...checked.notes)

  // A new group launches this version by itself; so does one whose refresh succeeded before.
  const there =
    fleet.version === version && present(fleet).every((each) => each.version === version)
  if (there) {
    progress.note(`version ${version} is the group's own already: nothing to replace`)
    const serving = inService(fleet).filter(isHealthy).length
    return await travel(context, {
      ...journey,
      probes: serving < fleet.desired ? 'afterwards' : 'from now',
      begin: async () => undefined,
    })
  }
  return await travel(context, {
    ...journey,
    probes: 'throughout',
    begin: () =>
      startRefresh(aws, {
        ...settings,
        templateId,
        version,
        desired: fleet.desired,
        alarms: checked.alarms,
        autoRollback: true,
      }),
  })
}

/** Follows the refresh that runs, or tells how the newest one ended. */
export async function watch(context: Context): Promise<number> {
  const { aws, settings } = context
  const fleet = await look(context)
  const { refresh } = fleet
  if (!refresh) throw new Stop(`there was no refresh of ${settings.group} yet: nothing to watch`)
  const wanted = refresh.DesiredConfiguration?.LaunchTemplate
  const version = wanted?.Version ? Number(wanted.Version) : fleet.version
  const found =
    wanted?.LaunchTemplateId && version
      ? await findVersion(aws, wanted.LaunchTemplateId, version)
      : undefined
  return await travel(await probing(context, fleet), {
    version,
    release: found?.release ?? settings.release,
    previousRelease: releaseInService(fleet, version),
    goesBack: false,
    probes: 'from now',
    notes: [],
    begin: async () => refresh.InstanceRefreshId,
  })
}

/** Prints the group once. */
export async function status(context: Context): Promise<number> {
  const { settings } = context
  const fleet = await look(context)
  const { refresh } = fleet
  const marked = groupTag(fleet, ROLLED_BACK)
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
      `group       ${fleet.name}: ${mix(releasesOf(fleet))}, ${fleet.desired} wanted, launch template version ${fleet.version ?? 'none'}`,
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
  const { aws, settings, patience, progress } = context
  await look(context)
  await cancelRefresh(aws, settings.group)
  const deadline = Date.now() + settings.timeoutMs
  for (;;) {
    const fleet = await look(context)
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
        `refresh ${fleet.refresh?.Status}; in service: ${mix(releasesOf(fleet))}. Instances stay as they are: 'scripts/rollout rollback' goes back, a new deploy goes on.`,
      )
      return fleet.refresh?.Status === 'Cancelled' ? EXIT.ok : EXIT.failed
    }
    if (Date.now() > deadline) throw new Stop('AWS is still cancelling the refresh', EXIT.timedOut)
    await pause(patience.pollMs, patience.signal)
  }
}

/** Goes back: turns a running refresh round, else refreshes to an earlier version. */
export async function rollback(context: Context): Promise<number> {
  const { aws, settings, progress } = context
  const fleet = await look(context)
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
    return await travel(measured, {
      version: own,
      release: releaseOf(own),
      previousRelease: releaseOf(bad),
      goesBack: true,
      probes: 'from now',
      notes: [],
      begin: async () => {
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
  return await travel(measured, {
    version: target.number,
    release: target.release,
    previousRelease: releaseOf(own),
    goesBack: true,
    probes: 'from now',
    notes: [],
    begin: async () => {
      // No alarms, which may well ring now, and no way back to the version that is being left.
      const id = await startRefresh(aws, {
        ...settings,
        templateId,
        version: target.number,
        desired: fleet.desired,
        alarms: [],
        autoRollback: false,
      })
      await mark(context, releaseOf(own), target.release)
      return id
    },
  })
}

async function previousVersion(
  { aws, settings }: Context,
  versions: Version[],
  fleet: Fleet,
): Promise<Version> {
  const { toVersion } = settings
  const { version: own = 0 } = fleet
  const bad = [groupTag(fleet, ROLLED_BACK), versions.find(({ number }) => number === own)?.release]
  const isBad = ({ release }: Version): boolean => release !== undefined && bad.includes(release)
  const candidates = versions.filter((version) =>
    toVersion === undefined
      ? version.number < own && !isBad(version)
      : version.number === toVersion,
  )
  for (const version of candidates) {
    const image = version.imageId ? await findImage(aws, version.imageId) : undefined
    if (image?.state === 'available') return version
  }
  throw new Stop(
    toVersion === undefined
      ? `there is no launch template version before ${own} of another release that was not rolled back and whose AMI still exists: name one with --to-version, or bake an older commit and deploy it`
      : `launch template version ${toVersion} does not exist, or its AMI does not`,
  )
}

/** With the service's URL in the settings: without --url it is looked for, unless no probe is wanted. */
async function probing(context: Context, fleet: Fleet): Promise<Context> {
  const { aws, settings } = context
  if (settings.url || !settings.probe) return context
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

async function look({ watch, patience }: Context): Promise<Fleet> {
  const fleet = await steadily(() => watch.look(), patience)
  if (!fleet) throw new Stop('interrupted', EXIT.interrupted)
  return fleet
}
