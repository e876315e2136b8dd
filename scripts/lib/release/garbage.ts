import { basename } from 'node:path'
import {
  DescribeImageAttributeCommand,
  type Filter,
  paginateDescribeSnapshots,
  type Snapshot,
} from '@aws-sdk/client-ec2'
import type { Aws } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { EXIT } from '../cli/errors.ts'
import { shortRelease, table } from '../cli/format.ts'
import { inForm, ReleaseId, Timestamp } from '../fleet/forms.ts'
import { imagesWith, listImages, OURS } from '../fleet/images.ts'
import { TAG, tagValue } from '../fleet/tags.ts'
import { removeImage, unfinished } from '../image/unfinished.ts'
import { forget } from '../provenance/kept.ts'
import { service } from '../service.ts'
import { readReleaseFile } from './file.ts'
import { type InUse, imagesInUse } from './images-in-use.ts'

const DAY_MS = 86_400_000

/** An AMI with its snapshots, or a snapshot whose AMI is gone. */
interface Remains {
  ami: string | undefined
  snapshots: string[]
  release: string
  bakedAt: string
  /** Why it stays; undefined: it can go. */
  reason: string | undefined
}

interface Outcome extends Remains {
  removed: boolean
  /** Why it could not be removed, or only in part. */
  failure: string | undefined
}

export interface GcOptions {
  /** Remove what can go. */
  yes: boolean
  /** How many versions and releases stay. */
  keep: number
  /** Days; anything younger stays. */
  olderThan: number
  /** Path of the release file. */
  file: string
  json: boolean
}

/** Lists the service's images with why each stays, and removes those that can go if told to. */
export async function collectGarbage(aws: Aws, options: GcOptions): Promise<number> {
  const { yes, keep, olderThan, file, json } = options
  const inUse = await imagesInUse(aws, keep)
  for (const ami of chosenImages(file, keep)) {
    if (!inUse.has(ami)) inUse.set(ami, basename(file))
  }
  const remains = await listRemains(aws, inUse, Date.now() - olderThan * DAY_MS)
  const removable = remains.filter(({ reason }) => reason === undefined)

  if (!json) print(remains)
  if (!yes) {
    if (json) console.log(JSON.stringify({ remains }, null, 2))
    if (removable.length > 0) {
      console.error(`${removable.length} can go: scripts/gc --yes removes them`)
    }
    return EXIT.ok
  }
  const outcomes = await Promise.all(remains.map((each) => removeUnlessHeld(aws, each)))
  const failures = outcomes.map(({ failure }) => failure).filter((text) => text !== undefined)
  if (json) console.log(JSON.stringify({ remains: outcomes }, null, 2))
  for (const failure of failures) console.error(`gc: ${failure}`)
  console.error(`removed ${removable.length - failures.length} of ${removable.length}`)
  return failures.length > 0 ? EXIT.refused : EXIT.ok
}

/** The AMIs that Terraform launches, or would after a manual rollback. */
function chosenImages(path: string, keep: number): string[] {
  const { ami_id, history } = readReleaseFile(path)
  return [ami_id, ...history.slice(0, keep).map((entry) => entry.ami_id)].filter(Boolean)
}

async function listRemains(aws: Aws, inUse: InUse, youngAfterMs: number): Promise<Remains[]> {
  const young = (bakedAt: string) => {
    const time = Date.parse(bakedAt)
    if (Number.isNaN(time)) return 'age unknown (no baked-at tag)'
    return time > youngAfterMs ? 'young' : undefined
  }
  const remains: Remains[] = []
  const held = new Set<string>()

  for (const { id, snapshots, release = '', bakedAt = '' } of await listImages(aws)) {
    for (const snapshot of snapshots) held.add(snapshot)
    const reason = inUse.get(id) ?? young(bakedAt) ?? (await shared(aws, id))
    remains.push({ ami: id, snapshots, release, bakedAt, reason })
  }
  for (const { id, snapshots, createdAt, state } of await imagesWith(aws, [unfinished()])) {
    for (const snapshot of snapshots) held.add(snapshot)
    const bakedAt = createdAt.toISOString()
    // Whoever may write tags can give the name of an unfinished image to one that runs.
    const reason = state === 'pending' ? 'being made' : (inUse.get(id) ?? young(bakedAt))
    remains.push({ ami: id, snapshots, release: '', bakedAt, reason })
  }
  const orphans = [...(await snapshotsWith(aws, OURS)), ...(await snapshotsWith(aws, unfinished()))]
  for (const { SnapshotId = '', StartTime, Tags } of orphans) {
    if (held.has(SnapshotId)) continue
    const release = inForm(ReleaseId, tagValue(Tags, TAG.release)) ?? ''
    // Without a release the bake did not get as far as the tags.
    const tagged = inForm(Timestamp, tagValue(Tags, TAG.bakedAt))
    const bakedAt = tagged ?? (release ? '' : (StartTime?.toISOString() ?? ''))
    remains.push({
      ami: undefined,
      snapshots: [SnapshotId],
      release,
      bakedAt,
      reason: young(bakedAt),
    })
  }
  return remains.sort((a, b) => b.bakedAt.localeCompare(a.bakedAt))
}

async function snapshotsWith(aws: Aws, filter: Filter): Promise<Snapshot[]> {
  const found: Snapshot[] = []
  const pages = paginateDescribeSnapshots(
    { client: aws.ec2 },
    { OwnerIds: ['self'], Filters: [filter] },
  )
  for await (const { Snapshots = [] } of pages) found.push(...Snapshots)
  return found
}

async function shared(aws: Aws, ami: string): Promise<string | undefined> {
  const { LaunchPermissions = [] } = await aws.ec2.send(
    new DescribeImageAttributeCommand({ ImageId: ami, Attribute: 'launchPermission' }),
  )
  const names = LaunchPermissions.map(
    ({ UserId, Group, OrganizationArn, OrganizationalUnitArn }) =>
      UserId ?? Group ?? OrganizationArn ?? OrganizationalUnitArn,
  )
  return names.length > 0 ? `shared with ${names.join(', ')}` : undefined
}

async function removeUnlessHeld(aws: Aws, remains: Remains): Promise<Outcome> {
  const { ami, snapshots, reason } = remains
  if (reason !== undefined) return { ...remains, removed: false, failure: undefined }
  try {
    await removeImage(aws, ami, snapshots)
    if (ami) await forget(aws, ami)
    return { ...remains, removed: true, failure: undefined }
  } catch (error) {
    const failure = `${ami ?? snapshots[0]} was not removed, or only in part: ${explain(error)}`
    return { ...remains, removed: false, failure }
  }
}

function print(remains: Remains[]): void {
  if (remains.length === 0) {
    console.log(`no AMI of ${service.name} in this region`)
    return
  }
  const rows = remains.map(({ ami, snapshots, release, bakedAt, reason }) => [
    ami ?? snapshots.join(' '),
    shortRelease(release),
    bakedAt,
    reason === undefined ? 'can go' : `stays: ${reason}`,
  ])
  for (const line of table([['image', 'release', 'baked', ''], ...rows])) console.log(line)
}
