import type { InstanceRefresh } from '@aws-sdk/client-auto-scaling'
import type { Aws } from '../aws/clients.ts'
import { type Fleet, FleetWatch, markedReleases, present } from '../aws/fleet.ts'
import { listVersions, type TemplateVersion } from '../aws/images.ts'
import { listRefreshes } from '../aws/refresh.ts'
import { Stop } from '../errors.ts'
import { type Course, type Direction, directionOf, rolledBackReleases } from './direction.ts'

/** A group with all that says where it goes and what it must not go to. */
export interface Survey {
  fleet: Fleet
  direction: Direction
  /** All that AWS still knows of, newest first. */
  refreshes: InstanceRefresh[]
  /** Of the group's launch template, newest first. */
  versions: TemplateVersion[]
  /** Releases that were rolled back and not shipped since. */
  rolledBack: string[]
  releaseOf(version: number | undefined): string | undefined
}

/** Asks AWS for everything at once. Refuses when there is no such group. */
export async function survey(aws: Aws, watch: FleetWatch): Promise<Survey> {
  const fleet = await watch.snapshot()
  const templateId = fleet.group.LaunchTemplate?.LaunchTemplateId
  const [refreshes, versions] = await Promise.all([
    listRefreshes(aws, fleet.name),
    templateId ? listVersions(aws, templateId) : [],
  ])
  const releaseOf = (version: number | undefined): string | undefined =>
    versions.find(({ number }) => number === version)?.release
  const course: Course = {
    saved: fleet.version ?? 0,
    versions: present(fleet).map(({ version }) => version),
    refreshes: refreshes.map(toRefresh),
  }
  return {
    fleet,
    refreshes,
    direction: directionOf(course),
    versions,
    rolledBack: rolledBackReleases(course, releaseOf, markedReleases(fleet.group)),
    releaseOf,
  }
}

/** The releases that were rolled back on a group; none when there is no such group (yet). */
export async function findRolledBack(aws: Aws, group: string): Promise<string[]> {
  const found = await survey(aws, new FleetWatch(aws, group)).catch((error) => {
    if (!(error instanceof Stop)) throw error
  })
  return found?.rolledBack ?? []
}

function toRefresh({ InstanceRefreshId, Status, DesiredConfiguration }: InstanceRefresh) {
  const version = DesiredConfiguration?.LaunchTemplate?.Version
  return {
    id: InstanceRefreshId ?? '',
    status: Status ?? 'Pending',
    desired: version && /^\d+$/.test(version) ? Number(version) : undefined,
  } as const
}
