import type { InstanceRefresh } from '@aws-sdk/client-auto-scaling'
import type { Aws } from '../aws/clients.ts'
import { Stop } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import {
  type Direction,
  directionOf,
  type GroupHistory,
  type Refresh,
  rolledBackOf,
  versionsBefore,
} from './direction.ts'
import { type Fleet, FleetWatch, present } from './fleet.ts'
import { listVersions, type TemplateVersion } from './images.ts'
import { markedOn, recordedPrevious } from './marks.ts'
import { listRefreshes, targetOf } from './refresh.ts'

/** A group with all that shows where it is going and where it must not go. */
export interface Survey {
  fleet: Fleet
  direction: Direction
  /** Versions that the group had before the saved one, latest first, as far as AWS knows. */
  before: number[]
  /** All that AWS still remembers, newest first. */
  refreshes: InstanceRefresh[]
  /** Of the group's launch template, newest first. */
  templateVersions: TemplateVersion[]
  /** Releases and images that were rolled back and not shipped since. */
  rolledBack: string[]
  launchedBy(templateVersion: number | undefined): TemplateVersion | undefined
  releaseOf(templateVersion: number | undefined): string | undefined
  imageOf(templateVersion: number | undefined): string | undefined
}

/** Collects all of this from AWS. Throws `Stop` when there is no such group. */
export async function survey(aws: Aws, watch: FleetWatch): Promise<Survey> {
  const { fleet, refreshes } = await consistentSnapshot(aws, watch)
  const templateId = fleet.group.LaunchTemplate?.LaunchTemplateId
  const templateVersions = templateId ? await versionsOf(aws, watch, templateId) : []
  const launchedBy = (wanted: number | undefined) =>
    templateVersions.find(({ number }) => number === wanted)
  const history: GroupHistory = {
    saved: fleet.templateVersion ?? 0,
    present: present(fleet).map(({ templateVersion }) => templateVersion),
    refreshes: refreshes.filter((each) => isOf(each, templateId)).map(toRefresh),
    recorded: recordedPrevious(fleet.group),
  }
  return {
    fleet,
    refreshes,
    direction: directionOf(history),
    before: versionsBefore(history),
    templateVersions,
    rolledBack: rolledBackOf(history, launchedBy, markedOn(fleet.group)),
    launchedBy,
    releaseOf: (wanted) => launchedBy(wanted)?.release,
    imageOf: (wanted) => launchedBy(wanted)?.imageId,
  }
}

async function versionsOf(
  aws: Aws,
  watch: FleetWatch,
  templateId: string,
): Promise<TemplateVersion[]> {
  return await listVersions(aws, templateId).catch((error) => {
    if (!watch.tolerates(error)) throw error
    return []
  })
}

/** Whether its version is one of this launch template: another template's numbers mean something else. */
function isOf({ DesiredConfiguration }: InstanceRefresh, templateId: string | undefined): boolean {
  const id = DesiredConfiguration?.LaunchTemplate?.LaunchTemplateId
  return id === undefined || id === templateId
}

/** How many snapshots are taken to get one during which no refresh began or ended. */
const MOST_SNAPSHOTS = 5

/**
 * The group and its refreshes as they were at one moment. AWS returns them in two calls: between these a refresh may end,
 * and an instance of its version would look like a leftover.
 */
async function consistentSnapshot(
  aws: Aws,
  watch: FleetWatch,
): Promise<{ fleet: Fleet; refreshes: InstanceRefresh[] }> {
  for (let count = 1; ; count++) {
    const refreshes = await listRefreshes(aws, watch.name).catch(async (error) => {
      // If there is no such group, its snapshot throws the error that names it.
      await watch.snapshot()
      throw error
    })
    const fleet = await watch.snapshot()
    const [before, after] = [refreshes[0], fleet.refresh]
    const isSame =
      before?.InstanceRefreshId === after?.InstanceRefreshId && before?.Status === after?.Status
    if (isSame || count === MOST_SNAPSHOTS) return { fleet, refreshes }
  }
}

/** The releases and images that were rolled back on a group; none if there is no such group (yet). */
export async function findRolledBack(aws: Aws, group: string): Promise<string[]> {
  const found = await survey(aws, new FleetWatch(aws, group)).catch((error) => {
    if (!(error instanceof Stop)) throw error
  })
  return found?.rolledBack ?? []
}

/** What of a release and its image was rolled back, in words; undefined if neither was. */
export function knownBad(
  rolledBack: string[],
  release: string | undefined,
  ami: string | undefined,
): string | undefined {
  if (release && rolledBack.includes(release)) return `release ${shortRelease(release)}`
  return ami && rolledBack.includes(ami) ? `image ${ami}` : undefined
}

const toRefresh = (refresh: InstanceRefresh): Refresh => ({
  id: refresh.InstanceRefreshId ?? '',
  status: refresh.Status ?? 'Pending',
  desired: targetOf(refresh),
  wasTurnedRound: refresh.RollbackDetails !== undefined,
})
