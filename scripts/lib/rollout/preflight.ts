import type { Aws } from '../aws/clients.ts'
import { shortRelease } from '../cli/format.ts'
import { type Fleet, inService, isHealthy, isRunning, suspendedProcesses } from '../fleet/fleet.ts'
import { findImage, findVersion, type TemplateVersion } from '../fleet/images.ts'
import { checkAlarms } from './alarm-check.ts'
import type { Settings } from './settings.ts'
import { by } from './snapshot.ts'

/** What a rollout should deploy. */
export type Target = Pick<
  Settings,
  'alarms' | 'ignoreAlarms' | 'checkpoints' | 'checkpointDelaySeconds'
> & {
  launchTemplateId: string
  launchTemplateVersion: number
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
  const [version, alarms, wayBack] = await Promise.all([
    checkVersion(aws, fleet, target),
    checkAlarms(aws, target),
    checkWayBack(aws, fleet),
  ])
  const problems = [
    ...checkRefresh(fleet),
    ...suspensions(fleet),
    ...checkVersionNumber(fleet),
    ...version,
    ...alarms.problems,
  ]
  const serving = inService(fleet).filter(isHealthy).length
  const notes = [...alarms.notes, ...wayBack]
  if (serving < fleet.desired) {
    notes.push(`only ${serving} of ${fleet.desired} instances are healthy at the start`)
  }
  const { usable, checkpointDelaySeconds } = alarms
  return { problems, notes, alarms: usable, checkpointDelaySeconds }
}

function checkRefresh({ refresh, name, group }: Fleet): string[] {
  if (!isRunning(refresh?.Status)) return []
  return [
    `a refresh is already running (${refresh?.Status}, ${refresh?.PercentageComplete ?? 0} %)${by(group)}: follow it with 'scripts/rollout watch --group ${name}', or stop it with 'scripts/rollout cancel --group ${name}'`,
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

function checkVersionNumber({ version, name }: Fleet): string[] {
  if (version !== undefined) return []
  return [
    `${name} launches $Latest or $Default of its launch template: AWS could not roll back to it, so give the group a version's number first`,
  ]
}

async function checkVersion(aws: Aws, fleet: Fleet, target: Target): Promise<string[]> {
  const own = fleet.group.LaunchTemplate?.LaunchTemplateId
  if (own !== target.launchTemplateId) {
    return [
      `the group uses launch template ${own ?? 'none'}, not ${target.launchTemplateId}: check --launch-template-id and --group`,
    ]
  }
  const version = await findVersion(aws, target.launchTemplateId, target.launchTemplateVersion)
  if (!version) {
    return [
      `launch template ${target.launchTemplateId} has no version ${target.launchTemplateVersion}: check --launch-template-version`,
    ]
  }
  return await checkImage(aws, version, target.release)
}

/** Checks what AWS would launch in a rollback, while there is no hurry. */
async function checkWayBack(aws: Aws, { group, version }: Fleet): Promise<string[]> {
  const id = group.LaunchTemplate?.LaunchTemplateId
  const saved = id && version !== undefined ? await findVersion(aws, id, version) : undefined
  if (!saved?.imageId) return []
  const image = await findImage(aws, saved.imageId)
  if (image?.state === 'available') return []
  return [
    `there is no way back: the AMI ${saved.imageId} of version ${version}, which runs now, no longer exists`,
  ]
}

async function checkImage(
  aws: Aws,
  version: TemplateVersion,
  release: string | undefined,
): Promise<string[]> {
  const { imageId, number } = version
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
