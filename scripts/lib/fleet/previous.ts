import type { Aws } from '../aws/clients.ts'
import { Stop } from '../cli/errors.ts'
import type { Fleet } from './fleet.ts'
import { findImage, findVersion } from './images.ts'
import type { Survey } from './survey.ts'

/**
 * The latest version that served before the current one, of a release and an image that were not rolled back and whose AMI exists. Those
 * not known to have served come last: they may never have been started, and count only if they are of another release.
 * Throws `Stop` if there is none.
 */
export async function previousVersion(aws: Aws, seen: Survey): Promise<number> {
  const { fleet, templateVersions, rolledBack, releaseOf, before } = seen
  const { templateVersion: own = 0 } = fleet
  const served = before.flatMap(
    (number) => templateVersions.find((each) => each.number === number) ?? [],
  )
  const others = templateVersions.filter(({ release }) => !release || release !== releaseOf(own))
  for (const { number, release, imageId } of [...served, ...others]) {
    if (number >= own || [release, imageId].some((each) => each && rolledBack.includes(each)))
      continue
    if (await isAvailable(aws, imageId)) return number
  }
  throw new Stop(
    `there is no launch template version before ${own} of another release that was not rolled back and whose AMI still exists: bake an older commit and deploy it`,
  )
}

/** Why AWS could not launch version `number` of the group's template, as a rollback to it would; undefined if it could. */
export async function obstacleTo(
  aws: Aws,
  { group }: Fleet,
  number: number,
): Promise<string | undefined> {
  const { LaunchTemplateId: template = '' } = group.LaunchTemplate ?? {}
  const version = await findVersion(aws, template, number)
  if (!version) return `launch template version ${number} was deleted`
  if (await isAvailable(aws, version.imageId)) return undefined
  return `the AMI ${version.imageId} of version ${number} no longer exists`
}

async function isAvailable(aws: Aws, imageId: string | undefined): Promise<boolean> {
  const image = imageId === undefined ? undefined : await findImage(aws, imageId)
  return image?.state === 'available'
}
