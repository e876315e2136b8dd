import { existsSync } from 'node:fs'
import { DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling'
import { DescribeImagesCommand, type Image } from '@aws-sdk/client-ec2'
import { $ } from 'bun'
import type { Aws } from '../aws/clients.ts'
import { ROLLED_BACK } from '../aws/refresh.ts'
import { Stop, shortRelease } from '../cli.ts'
import { lastAmi } from '../image/manifest.ts'
import type { Pinned, ReleaseFile } from '../release-file.ts'

/** An AMI of this service, by its tags. */
export interface Baked extends Pinned {
  architecture: string
  createdAt: Date
}

export interface Wanted {
  /** A commit id, a part of one, or a name that git knows; undefined takes the last bake. */
  release: string | undefined
  previous: boolean
  /** Whose mark of a rolled-back release `previous` heeds; undefined before the first apply. */
  group: string | undefined
  /** arm64 or x86_64; undefined must be unambiguous. */
  architecture: string | undefined
}

/** Finds the release that is meant and its AMI, and refuses one that is not there. */
export async function choose(
  aws: Aws,
  root: string,
  manifest: string,
  file: ReleaseFile,
  wanted: Wanted,
): Promise<Baked> {
  if (wanted.previous) return await findPrevious(aws, file, wanted.group)
  if (wanted.release !== undefined) {
    const release = await commitOf(root, wanted.release)
    return single(await listBaked(aws, release), release, wanted.architecture)
  }
  return await lastBake(aws, root, manifest, wanted)
}

/** Every available AMI of the service (of one release, when given), newest first. */
export async function listBaked(aws: Aws, release?: string): Promise<Baked[]> {
  const filters = [
    { Name: 'tag:service', Values: ['hello'] },
    { Name: 'state', Values: ['available'] },
    ...(release ? [{ Name: 'tag:release', Values: [release] }] : []),
  ]
  const answer = await aws.ec2.send(
    new DescribeImagesCommand({ Owners: ['self'], Filters: filters }),
  )
  return (answer.Images ?? [])
    .map(toBaked)
    .filter((baked) => baked !== undefined)
    .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime())
}

async function lastBake(aws: Aws, root: string, manifest: string, wanted: Wanted): Promise<Baked> {
  const region = await aws.ec2.config.region()
  const ami = existsSync(manifest) ? lastAmi(manifest, region) : undefined
  if (ami) {
    const found = (await listBaked(aws)).find((baked) => baked.ami_id === ami)
    if (found) return found
    throw new Stop(
      `${ami}, the last bake in packer/manifest.json, does not exist in ${region} (any more), or has no tags service and release: bake again, or name a release`,
    )
  }
  const head = await commitOf(root, 'HEAD')
  return single(await listBaked(aws, head), head, wanted.architecture)
}

/** The newest release of the history that was not rolled back and whose AMI still exists. */
async function findPrevious(
  aws: Aws,
  file: ReleaseFile,
  group: string | undefined,
): Promise<Baked> {
  const [baked, rolledBack] = await Promise.all([listBaked(aws), rolledBackRelease(aws, group)])
  for (const past of file.history) {
    const found = baked.find(({ ami_id }) => ami_id === past.ami_id)
    if (found && found.release !== file.release && found.release !== rolledBack) return found
  }
  throw new Stop(
    'there is no earlier release in the history that was not rolled back and whose AMI still exists: bake an older commit, and bump to it',
  )
}

/** The release that the group is marked with; undefined also when there is no such group (yet). */
async function rolledBackRelease(aws: Aws, group: string | undefined): Promise<string | undefined> {
  if (!group) return undefined
  const answer = await aws.autoScaling.send(
    new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [group] }),
  )
  return answer.AutoScalingGroups?.[0]?.Tags?.find(({ Key }) => Key === ROLLED_BACK)?.Value
}

function single(baked: Baked[], release: string, architecture: string | undefined): Baked {
  const fitting = architecture ? baked.filter((each) => each.architecture === architecture) : baked
  const architectures = new Set(fitting.map((each) => each.architecture))
  if (architectures.size > 1) {
    throw new Stop(
      `release ${shortRelease(release)} is baked for ${[...architectures].join(' and ')}: say which with --arch`,
    )
  }
  const [newest] = fitting
  if (!newest) {
    throw new Stop(
      `there is no AMI of release ${shortRelease(release)}${architecture ? ` for ${architecture}` : ''} in this account and region: run scripts/build and scripts/bake on that commit`,
    )
  }
  return newest
}

async function commitOf(root: string, name: string): Promise<string> {
  const found = await $`git -C ${root} rev-parse --verify --quiet ${`${name}^{commit}`}`
    .quiet()
    .nothrow()
  const commit = found.stdout.toString().trim()
  if (found.exitCode === 0 && commit) return commit
  // A clone need not have every commit that is baked.
  if (/^[0-9a-f]{40}$/.test(name)) return name
  throw new Stop(
    `'${name}' is no commit that this clone knows: give a commit id, a tag or a branch`,
  )
}

function toBaked(image: Image): Baked | undefined {
  const release = image.Tags?.find(({ Key }) => Key === 'release')?.Value
  if (!release || !image.ImageId) return undefined
  return {
    release,
    ami_id: image.ImageId,
    architecture: image.Architecture ?? '',
    createdAt: new Date(image.CreationDate ?? 0),
  }
}
