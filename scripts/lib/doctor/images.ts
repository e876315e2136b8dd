import { age, shortRelease } from '../cli/format.ts'
import { findImage, type Image } from '../fleet/images.ts'
import { type Finding, ok, problem, problemsOr, unknown } from '../verify/finding.ts'
import type { Environment } from './environment.ts'

/** How many images must be there to go back to, with the newest. */
const IMAGES = 3

/** Amazon releases a base about every two weeks. */
const OLD_DAYS = 60

/** Whether the last images are still there to launch from, and how old the system in the running one is. */
export async function checkImages({ aws, survey }: Environment): Promise<Finding[]> {
  const { templateVersions: versions, fleet, imageOf } = await survey()
  // Two versions that differ in a setting have the same image.
  const last = [...new Map(versions.map((each) => [each.imageId, each])).values()].slice(0, IMAGES)
  const problems: Finding[] = []
  for (const { release, imageId = 'none', number } of last) {
    const image = await findImage(aws, imageId)
    if (image?.state === 'available') continue
    problems.push(
      problem(
        `the AMI ${imageId} of release ${shortRelease(release)}, launch template version ${number}, ${image ? `is ${image.state}` : 'does not exist'}: nothing can be launched from it`,
        `bake the release again with 'scripts/bake', then 'scripts/bump'`,
      ),
    )
  }
  const names = [...new Set(last.map(({ release }) => shortRelease(release)))].join(', ')
  const own = imageOf(fleet.templateVersion)
  const running = own === undefined ? undefined : await findImage(aws, own)
  return [...problemsOr(problems, `the AMIs of ${names} are available`), examineBase(running)]
}

/** How old is what the running image was baked on: its fixes of the system end there. */
function examineBase(running: Image | undefined): Finding {
  const { source, sourceCreated } = running ?? {}
  if (!source || !sourceCreated)
    return unknown('the tags of the running image do not say how old its base is')
  const text = `the running image was baked on ${source}, which is ${age(new Date(), new Date(sourceCreated))} old`
  if (Date.now() - Date.parse(sourceCreated) < OLD_DAYS * 86_400_000) return ok(text)
  return problem(
    text,
    "'scripts/bake --patch' bakes the release on the newest one, and 'scripts/deploy --patch' ships that",
  )
}
