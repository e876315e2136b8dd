import type { Aws } from '../aws/clients.ts'
import { shortRelease } from '../cli/format.ts'
import { type Alarm, findAlarms } from '../fleet/alarms.ts'
import {
  type Fleet,
  inService,
  isHealthy,
  suspendedProcesses,
  warmupSecondsOf,
} from '../fleet/fleet.ts'
import { findImage, findVersion, type TemplateVersion } from '../fleet/images.ts'
import { byOperator } from '../fleet/marks.ts'
import { obstacleTo } from '../fleet/previous.ts'
import { isRunning } from '../fleet/refresh-status.ts'
import type { Checkpoints } from './decide.ts'
import type { Settings } from './options.ts'

type AlarmSettings = Pick<
  Settings,
  'alarm' | 'ignoreAlarms' | 'checkpoints' | 'checkpointDelaySeconds'
>

/** What a rollout should deploy. */
export interface Target extends AlarmSettings {
  templateId: string
  templateVersion: number
  /** Undefined accepts any release that the version has. */
  release: string | undefined
}

export interface Preflight {
  /** Each is a reason not to start. */
  problems: string[]
  /** Worth knowing, but no reason not to start. */
  notes: string[]
  /** Alarms that can watch the refresh. */
  alarms: string[]
  checkpointDelaySeconds: number
}

/** Finds, before anything is started, whatever would make a refresh fail or would go unnoticed by AWS. */
export async function preflight(aws: Aws, fleet: Fleet, target: Target): Promise<Preflight> {
  const [templateVersion, alarms, wayBack] = await Promise.all([
    checkTemplateVersion(aws, fleet, target),
    checkAlarms(aws, fleet, target),
    checkWayBack(aws, fleet),
  ])
  const problems = [
    ...checkRefresh(fleet),
    ...suspensions(fleet),
    ...checkSaved(fleet),
    ...templateVersion,
    ...alarms.problems,
  ]
  const serving = inService(fleet).filter(isHealthy).length
  const notes = [...alarms.notes, ...wayBack]
  if (serving < fleet.desired) {
    notes.push(`only ${serving} of ${fleet.desired} instances are healthy at the start`)
  }
  const { alarms: usable, checkpointDelaySeconds } = alarms
  return { problems, notes, alarms: usable, checkpointDelaySeconds }
}

function checkRefresh({ refresh, name, group }: Fleet): string[] {
  if (!isRunning(refresh?.Status)) return []
  return [
    `a refresh is already running (${refresh?.Status}, ${refresh?.PercentageComplete ?? 0} %)${byOperator(group)}: follow it with 'scripts/rollout watch --group ${name}', undo it with 'scripts/rollout rollback --group ${name}', or stop it where it is with 'scripts/rollout cancel --group ${name}'`,
  ]
}

/** If one of these is suspended, a refresh waits until it times out. */
const NEEDED_PROCESSES = [
  'InstanceRefresh',
  'Launch',
  'Terminate',
  'HealthCheck',
  'ReplaceUnhealthy',
  'AddToLoadBalancer',
]

/** What is suspended of what a refresh needs, as a sentence with what to do. */
export function suspensions(fleet: Fleet): string[] {
  const missing = suspendedProcesses(fleet).filter((process) => NEEDED_PROCESSES.includes(process))
  if (missing.length === 0) return []
  return [
    `processes of the group are suspended (${missing.join(', ')}): resume them with 'aws autoscaling resume-processes --auto-scaling-group-name ${fleet.name}'`,
  ]
}

function checkSaved({ templateVersion, name }: Fleet): string[] {
  if (templateVersion !== undefined) return []
  return [
    `${name} launches $Latest or $Default of its launch template: AWS could not roll back to it, so give the group a version's number first`,
  ]
}

async function checkTemplateVersion(aws: Aws, fleet: Fleet, target: Target): Promise<string[]> {
  const { templateId, templateVersion, release } = target
  const own = fleet.group.LaunchTemplate?.LaunchTemplateId
  if (own !== templateId) {
    return [
      `the group uses launch template ${own ?? 'none'}, not ${templateId}: check --launch-template-id and --group`,
    ]
  }
  const found = await findVersion(aws, templateId, templateVersion)
  if (!found) {
    return [
      `launch template ${templateId} has no version ${templateVersion}: check --launch-template-version`,
    ]
  }
  return await checkImage(aws, found, release)
}

/** Checks what AWS would launch in a rollback, while there is no hurry. */
async function checkWayBack(aws: Aws, fleet: Fleet): Promise<string[]> {
  if (fleet.templateVersion === undefined) return []
  const obstacle = await obstacleTo(aws, fleet, fleet.templateVersion)
  return obstacle === undefined ? [] : [`there is no way back: ${obstacle}, and it runs now`]
}

async function checkImage(
  aws: Aws,
  { imageId, number }: TemplateVersion,
  release: string | undefined,
): Promise<string[]> {
  if (!imageId?.startsWith('ami-')) {
    return [
      `version ${number} names the image '${imageId ?? ''}', not a fixed AMI id: AWS could not roll back from it`,
    ]
  }
  const image = await findImage(aws, imageId)
  if (!image) {
    return [
      `the AMI ${imageId} of version ${number} does not exist: bake the release again and run scripts/bump`,
    ]
  }
  if (image.state !== 'available') {
    return [`the AMI ${imageId} is ${image.state}, not available: wait for it, or bake again`]
  }
  if (release && image.release && image.release !== release) {
    return [
      `the AMI ${imageId} contains release ${shortRelease(image.release)}, not ${shortRelease(release)}: run scripts/bump for the intended release`,
    ]
  }
  return []
}

/** AWS's limit for one refresh. */
const MOST_ALARMS = 10

/** Load balancer metrics arrive once a minute, and the alarm is evaluated after that. */
const METRICS_SECONDS = 60

/** Long enough for the probe to get a few hundred answers from the new release. */
const SHORTEST_DELAY_SECONDS = 120

/** Checks whether the alarms can watch a refresh, and how long a checkpoint must wait for them. */
export async function checkAlarms(
  aws: Aws,
  fleet: Fleet,
  settings: AlarmSettings,
): Promise<Preflight> {
  const { alarm: names, ignoreAlarms, checkpoints, checkpointDelaySeconds: wish } = settings
  const tooMany = names.length > MOST_ALARMS
  const found = names.length > 0 && !tooMany ? await findAlarms(aws, names) : []
  const missing = names.filter((name) => !tooMany && !found.some((alarm) => alarm.name === name))
  const unfit = found
    .filter(({ state }) => state !== 'OK')
    .map(({ name, state, reason }) => `${name} is in ${state}${reason ? `: ${reason}` : ''}`)
  const usable = found.filter(({ state }) => state === 'OK')
  const shortest = checkpointDelayFor(fleet, usable)
  const delay = wish ?? shortest
  const stops = checkpoints === undefined || checkpoints.length > 0
  const late = stops ? usable.filter((alarm) => neededFor(fleet, alarm) > delay) : []
  return {
    problems: [
      ...(tooMany ? [`AWS accepts at most ${MOST_ALARMS} alarms, got ${names.length}`] : []),
      ...missing.map((name) => `there is no alarm '${name}': check --alarm and --region`),
      ...(ignoreAlarms ? [] : unfit).map(
        (text) =>
          `${text}. AWS would refuse the refresh or roll it back immediately: wait until it is OK, or leave it out with --ignore-alarms`,
      ),
      ...late.map(
        (alarm) =>
          `a checkpoint of ${delay} s ends before ${alarm.name} can trigger, which takes ${neededFor(fleet, alarm)} s: set --checkpoint-delay-seconds to ${shortest} or more, or omit it`,
      ),
    ],
    notes: (ignoreAlarms ? unfit : []).map((text) => `${text}; it is ignored`),
    alarms: usable.map(({ name }) => name),
    checkpointDelaySeconds: delay,
  }
}

/** The default checkpoint delay: long enough for a problem to trigger the slowest alarm. */
export function checkpointDelayFor(fleet: Fleet, alarms: Alarm[]): number {
  return Math.max(SHORTEST_DELAY_SECONDS, ...alarms.map((alarm) => neededFor(fleet, alarm)))
}

/** What counts instances counts a new one from the start of its warm-up, which precedes the checkpoint. */
function neededFor(fleet: Fleet, { seconds, watchesInstances }: Alarm): number {
  if (seconds === undefined) return 0
  return seconds + METRICS_SECONDS - (watchesInstances ? warmupSecondsOf(fleet) : 0)
}

/** Refuses a probe so slow that a good release could hardly give the answers that its checkpoints require. */
export function tooFewAnswers(
  { percentages: [first], delayMs, answers }: Checkpoints,
  desired: number,
  { rate, noProbe }: Pick<Settings, 'rate' | 'noProbe'>,
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
export function tooLittleTime(
  { percentages, delayMs, watchSeconds }: Checkpoints,
  { timeoutSeconds, beforeSeconds }: Settings,
): string[] {
  const seconds = beforeSeconds + (percentages.length * delayMs) / 1000 + watchSeconds
  if (seconds < timeoutSeconds) return []
  return [
    `the checkpoints and the time of watching alone take ${Math.ceil(seconds)} s, but --timeout-seconds is ${timeoutSeconds}: raise it, or lower --checkpoint-delay-seconds or --watch-seconds`,
  ]
}
