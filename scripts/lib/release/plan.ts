import type { Aws } from '../aws/clients.ts'
import { age, clockTime, releaseCounts, shortRelease } from '../cli/format.ts'
import { git } from '../cli/git.ts'
import { type Alarm, findAlarms } from '../fleet/alarms.ts'
import {
  countBy,
  type Fleet,
  FleetWatch,
  inService,
  isHealthy,
  warmupSecondsOf,
} from '../fleet/fleet.ts'
import { requestsPerSecond } from '../fleet/load.ts'
import { obstacleTo } from '../fleet/previous.ts'
import { batchesOf, fittingCheckpoints } from '../fleet/refresh.ts'
import { isRunning } from '../fleet/refresh-status.ts'
import { knownBad, type Survey, survey } from '../fleet/survey.ts'
import { forecast } from '../probe/forecast.ts'
import type { Provenance } from '../provenance/attested.ts'
import { findPackages, packageChanges } from '../provenance/inventory.ts'
import type { Checkpoints } from '../rollout/decide.ts'
import { checkpointsFor, MAX_HEALTHY, type Settings, watchSecondsFor } from '../rollout/options.ts'
import { courseOf, type PaceSettings, pausesFor } from '../rollout/pace.ts'
import { checkpointDelayFor } from '../rollout/preflight.ts'
import { root } from '../service.ts'
import type { Baked } from './choose.ts'

/** Assumed times from launch to serving, and to leave the load balancer; the warm-up is the group's. */
const BOOT_SECONDS = 60
const LEAVE_SECONDS = 45

const COMMITS_SHOWN = 15

/** How fast the rollout will go. */
export type Pace = PaceSettings &
  Pick<Settings, 'checkpoints' | 'checkpointAnswers' | 'hooks' | 'hookSeconds'>

/** Shares of its requests that a bad release fails, for the forecast. */
const SHARES = [0.1, 0.01, 0.001]

export interface PlanOptions {
  /** Undefined before the first apply. */
  group: string | undefined
  alarms: string[]
  /** What terraform/release.auto.tfvars.json says now; empty before the first deploy. */
  chosenRelease: string
  next: Baked
  provenance: Provenance
  /** Goes back to a release that the present one was proven with, or is told not to ask. */
  asksForProof: boolean
  pace: Pace
}

export interface Plan {
  lines: string[]
  /** The release or the image, in words, if it was rolled back on the group. */
  wasRolledBack: string | undefined
  /** The release that runs and that nothing proves the next to be compatible with; undefined if nothing is missing. */
  unproven: string | undefined
}

/** What a deploy of `next` would do, in words. */
export async function describePlan(aws: Aws, options: PlanOptions): Promise<Plan> {
  const { group, next, chosenRelease, pace } = options
  const image = [
    `image       ${next.ami_id}, ${next.arch}, baked ${age(new Date(), next.createdAt)} ago`,
    `base        ${baseText(next)}`,
    `provenance  ${options.provenance.text}`,
  ]
  if (group === undefined) {
    const lines = [
      `release     ${shortRelease(next.release)}, the first`,
      ...image,
      'instances   everything is created, and the group launches this release on its own',
    ]
    return { lines, wasRolledBack: undefined, unproven: undefined }
  }
  const seen = await survey(aws, new FleetWatch(aws, group))
  const { fleet, rolledBack } = seen
  const releases = countBy('release', fleet)
  const from = Object.keys(releases).find((release) => release !== next.release) ?? chosenRelease
  const [commits, alarms, wayBack, perSecond] = await Promise.all([
    commitLines(from, next.release),
    options.alarms.length > 0 ? findAlarms(aws, options.alarms) : [],
    wayBackLine(aws, seen),
    // Whatever is not known, the rollout finds out; it must not keep the plan from being shown.
    requestsPerSecond(aws, fleet).catch(() => undefined),
  ])
  const wasRolledBack = knownBad(rolledBack, next.release, next.ami_id)
  const { compatibleWith } = options.provenance
  const isProven = [next.release, compatibleWith].includes(from)
  const unproven = isProven || !options.asksForProof ? undefined : from
  const lines = [
    `release     ${shortRelease(from)} -> ${shortRelease(next.release)}`,
    ...commits,
    ...image,
    ...(from === next.release
      ? await packageLines(
          aws,
          inService(fleet).map(({ ami }) => ami),
          next.ami_id,
        )
      : []),
    compatLine(from, next.release, isProven),
    `in service  ${releaseCounts(releases)}; ${inService(fleet).filter(isHealthy).length} of ${fleet.desired} healthy`,
    ...durationLines(fleet, pace, alarms, perSecond),
    alarmLine(alarms),
    ...(pace.hooks ? [`hooks       ${pace.hooks.stages.join(', ')} in ${pace.hooks.folder}`] : []),
    refreshLine(fleet),
    ...(wasRolledBack
      ? [
          `warning     ${wasRolledBack} was rolled back on this group: it is refused without --retry`,
        ]
      : []),
    wayBack,
  ]
  return { lines, wasRolledBack, unproven }
}

const baseText = ({ source, sourceCreated }: Baked): string =>
  `${source ?? 'unknown'}${sourceCreated ? `, ${age(new Date(), new Date(sourceCreated))} old` : ''}`

/** What differs from the image of the release that runs, for a patch. */
async function packageLines(
  aws: Aws,
  running: (string | undefined)[],
  ami: string,
): Promise<string[]> {
  const [before, after] = await Promise.all(
    [running.find((each) => each !== undefined && each !== ami) ?? ami, ami].map((each) =>
      findPackages(aws, each).catch(() => undefined),
    ),
  )
  if (before === undefined || after === undefined)
    return ['packages    not kept: what differs is unknown']
  const changes = packageChanges(before, after)
  return [`packages    ${changes.length} differ from the running image:`, ...indented(changes)]
}

function compatLine(from: string, to: string, isProven: boolean): string {
  if (from === to) return 'compat      the same release'
  return isProven
    ? `compat      proven with ${shortRelease(from)} on one store, both ways`
    : `compat      not proven with ${shortRelease(from)}, which runs (scripts/compat)`
}

function durationLines(
  fleet: Fleet,
  pace: Pace,
  alarms: Alarm[],
  perSecond: number | undefined,
): string[] {
  const { desired } = fleet
  const slow: Checkpoints = {
    percentages: fittingCheckpoints(pace.checkpoints ?? checkpointsFor(desired), desired),
    delayMs: (pace.checkpointDelaySeconds ?? checkpointDelayFor(fleet, alarms)) * 1000,
    answers: pace.checkpointAnswers,
    watchSeconds: watchSecondsFor(alarms, pace),
  }
  const { pauses, why } = pausesFor(fleet, slow, perSecond, pace)
  const { percentages, delayMs, watchSeconds } = pauses
  const batches = batchesOf(percentages, desired, MAX_HEALTHY)
  const seconds =
    batches * (BOOT_SECONDS + warmupSecondsOf(fleet) + LEAVE_SECONDS) +
    (percentages.length * delayMs) / 1000 +
    watchSeconds
  const stops =
    percentages.length > 0 ? `stops at ${percentages.join(' % and ')} %` : 'without a stop'
  return [
    `instances   ${desired} in ${batches} ${batches === 1 ? 'batch' : 'batches'}, new before old, ${stops}`,
    `expected    about ${clockTime(seconds)} minutes, including ${clockTime(watchSeconds)} watching the alarms at the end`,
    `pace        ${why}`,
    ...forecastLines(fleet, pauses, perSecond, pace),
  ]
}

/** What users' traffic would show of a bad release, and what it would cost them. */
function forecastLines(
  fleet: Fleet,
  pauses: Checkpoints,
  perSecond: number | undefined,
  pace: Pace,
): string[] {
  if (perSecond === undefined || pace.trafficSeconds === 0) return []
  const course = courseOf(fleet, pauses, perSecond, pace)
  const said = SHARES.map((share) => {
    const seen = forecast(course, share)
    const after = seen
      ? `seen after ${clockTime(seen.seconds)}, about ${Math.round(seen.harmed)} requests harmed`
      : 'left to the alarms'
    return `${share * 100} %: ${after}`
  })
  return [`forecast    a release that fails ${said.join('; ')}`]
}

async function commitLines(from: string, to: string): Promise<string[]> {
  if (from === to) return ['commits     none: the same release']
  const ahead = await log(from, to)
  const behind = await log(to, from)
  if (!ahead || !behind) return ['commits     unknown: this clone does not have both']
  if (ahead.length === 0)
    return [`commits     goes back over ${behind.length}:`, ...indented(behind)]
  const back = behind.length > 0 ? `, and ${behind.length} left behind` : ''
  return [`commits     ${ahead.length} between${back}:`, ...indented(ahead)]
}

async function log(from: string, to: string): Promise<string[] | undefined> {
  const range = `${from.slice(0, 40)}..${to.slice(0, 40)}`
  const words = ['--oneline', '--no-decorate', '--end-of-options', range]
  const { exitCode, stdout } = await git(root, 'log', ...words)
  return exitCode === 0 ? stdout.split('\n').filter(Boolean) : undefined
}

function indented(commits: string[]): string[] {
  const more = commits.length - COMMITS_SHOWN
  return [
    ...commits.slice(0, COMMITS_SHOWN).map((line) => `            ${line}`),
    ...(more > 0 ? [`            and ${more} more`] : []),
  ]
}

function alarmLine(alarms: Alarm[]): string {
  if (alarms.length === 0) return 'alarms      none watch the rollout'
  const unfit = alarms.filter(({ state }) => state !== 'OK')
  if (unfit.length === 0) return `alarms      ${alarms.length}, all OK`
  const said = unfit.map(({ name, state }) => `${name} is in ${state}`).join(', ')
  return `alarms      ${said}: the rollout is refused until they are OK`
}

function refreshLine({ refresh }: Fleet): string {
  if (!isRunning(refresh?.Status)) return 'refresh     none is running'
  return `refresh     one is running (${refresh?.Status}, ${refresh?.PercentageComplete ?? 0} %): the rollout is refused until it has ended`
}

async function wayBackLine(aws: Aws, { fleet, releaseOf, imageOf }: Survey): Promise<string> {
  const { templateVersion: saved } = fleet
  if (saved === undefined) return 'way back    none: the group launches $Latest or $Default'
  const obstacle = await obstacleTo(aws, fleet, saved)
  if (obstacle !== undefined) return `way back    none: ${obstacle}, and it runs now`
  return `way back    version ${saved}, release ${shortRelease(releaseOf(saved))}: its AMI ${imageOf(saved)} can be launched`
}
