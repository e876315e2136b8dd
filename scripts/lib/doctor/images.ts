import { shortRelease } from '../cli/format.ts'
import { findImage } from '../fleet/images.ts'
import { type Finding, problem, problemsOr } from '../verify/finding.ts'
import type { Environment } from './environment.ts'

/** How many releases must be there to go back to, with the newest. */
const RELEASES = 3

/** Whether the AMIs of the last releases are still there to launch from. */
export async function checkImages({ aws, survey }: Environment): Promise<Finding[]> {
  const { templateVersions: versions } = await survey()
  const releases = [...new Set(versions.map(({ release }) => release))].slice(0, RELEASES)
  const problems: Finding[] = []
  for (const release of releases) {
    // Two versions of one release differ in a setting, and have the same image.
    const version = versions.find((each) => each.release === release)
    const { imageId = 'none', number } = version ?? {}
    const image = await findImage(aws, imageId)
    if (image?.state === 'available') continue
    problems.push(
      problem(
        `the AMI ${imageId} of release ${shortRelease(release)}, launch template version ${number}, ${image ? `is ${image.state}` : 'does not exist'}: nothing can be launched from it`,
        `bake the release again with 'scripts/bake', then 'scripts/bump'`,
      ),
    )
  }
  return problemsOr(problems, `the AMIs of ${releases.map(shortRelease).join(', ')} are available`)
}
