import type { Aws } from '../aws/clients.ts'
import { Stop } from '../cli/errors.ts'
import { findImage } from './images.ts'
import type { Survey } from './survey.ts'

/**
 * The latest version that served before the current one, of another release that was not rolled back and whose AMI exists.
 * Versions that are not known to have served come last: they may never have been started. Throws `Stop` if there is none.
 */
export async function previousVersion(aws: Aws, seen: Survey): Promise<number> {
  const { fleet, versions, rolledBack, releaseOf, before } = seen
  const { version: own = 0 } = fleet
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
