import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import {
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  DescribeImageAttributeCommand,
  paginateDescribeImages,
  paginateDescribeSnapshots,
  type Tag,
} from '@aws-sdk/client-ec2'
import { type Aws, connect } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { type InUse, imagesInUse } from '../aws/images-in-use.ts'
import { EXIT, parse, runVerb, shortRelease, table, toNumber, usageError } from '../cli.ts'
import { root } from '../paths.ts'

const USAGE = `
usage: scripts/gc [--yes] [--keep N] [--older-than DAYS] [--file FILE] [--region NAME] [--json]

Lists the AMIs of hello, and why each stays or can go; with --yes removes those that can go, with their snapshots,
and the snapshots whose AMI is gone already.

An AMI stays when an instance runs on it, when it is of one of the last N versions of a launch template, of a
template's default version or of the version that a group launches, when it is one of the last N releases in
terraform/release.auto.tfvars.json, when it is young, or when it is shared: what runs on it in another account cannot
be seen from here.

  --yes              remove; without it nothing is changed
  --keep N           versions and releases to keep (5)
  --older-than DAYS  younger ones stay (30)
  --file FILE        the releases (terraform/release.auto.tfvars.json)
  --region NAME      the environment's or the profile's by default
  --json             print the result as JSON: after --yes with what was removed, and what could not be

Exit: 0 listed or removed, 1 something could not be removed, 2 usage.`

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
  /** Why it could not be removed, or not wholly. */
  failure: string | undefined
}

await runVerb('gc', USAGE, async (argv) => {
  const { values, positionals } = parse(argv, {
    yes: { type: 'boolean', default: false },
    keep: { type: 'string', default: '5' },
    'older-than': { type: 'string', default: '30' },
    file: { type: 'string', default: join(root, 'terraform', 'release.auto.tfvars.json') },
    region: { type: 'string' },
    json: { type: 'boolean', default: false },
  })
  if (positionals.length > 0) throw usageError(`it takes no argument, got '${positionals[0]}'`)
  const keep = toNumber('keep', values.keep, { min: 1 })
  if (!Number.isInteger(keep)) throw usageError(`--keep wants a whole number, got '${values.keep}'`)
  const olderThan = toNumber('older-than', values['older-than'])

  const aws = connect(values.region)
  const inUse = await imagesInUse(aws, keep)
  for (const ami of chosenImages(values.file, keep))
    if (!inUse.has(ami)) inUse.set(ami, basename(values.file))
  const remains = await listRemains(aws, inUse, Date.now() - olderThan * DAY_MS)
  const removable = remains.filter(({ reason }) => reason === undefined)

  if (!values.json) print(remains)
  if (!values.yes) {
    if (values.json) console.log(JSON.stringify({ remains }, null, 2))
    if (removable.length > 0)
      console.error(`${removable.length} can go: scripts/gc --yes removes them`)
    return EXIT.ok
  }
  const outcomes = await Promise.all(remains.map((each) => removeUnlessHeld(aws, each)))
  const failures = outcomes.map(({ failure }) => failure).filter((text) => text !== undefined)
  if (values.json) console.log(JSON.stringify({ remains: outcomes }, null, 2))
  for (const failure of failures) console.error(`gc: ${failure}`)
  console.error(`removed ${removable.length - failures.length} of ${removable.length}`)
  return failures.length > 0 ? EXIT.refused : EXIT.ok
})

/** The AMIs that Terraform launches, or would when a person goes back by hand. */
function chosenImages(path: string, keep: number): string[] {
  if (!existsSync(path)) return []
  const { ami_id, history } = JSON.parse(readFileSync(path, 'utf8')) as {
    ami_id: string
    history: { ami_id: string }[]
  }
  return [ami_id, ...history.slice(0, keep).map((entry) => entry.ami_id)]
}

async function listRemains(aws: Aws, inUse: InUse, youngAfterMs: number): Promise<Remains[]> {
  const ours = { Filters: [{ Name: 'tag:service', Values: ['hello'] }] }
  const young = (bakedAt: string) => {
    const time = Date.parse(bakedAt)
    if (Number.isNaN(time)) return 'age unknown (no tag baked-at)'
    return time > youngAfterMs ? 'young' : undefined
  }
  const remains: Remains[] = []
  const held = new Set<string>()

  for await (const page of paginateDescribeImages(
    { client: aws.ec2 },
    { Owners: ['self'], ...ours },
  )) {
    for (const { ImageId = '', Tags, BlockDeviceMappings = [] } of page.Images ?? []) {
      const snapshots = BlockDeviceMappings.flatMap(({ Ebs }) => Ebs?.SnapshotId ?? [])
      for (const snapshot of snapshots) held.add(snapshot)
      const bakedAt = tag(Tags, 'baked-at')
      const reason = inUse.get(ImageId) ?? young(bakedAt) ?? (await shared(aws, ImageId))
      remains.push({ ami: ImageId, snapshots, release: tag(Tags, 'release'), bakedAt, reason })
    }
  }
  for await (const page of paginateDescribeSnapshots(
    { client: aws.ec2 },
    { OwnerIds: ['self'], ...ours },
  )) {
    for (const { SnapshotId = '', Tags } of page.Snapshots ?? []) {
      if (held.has(SnapshotId)) continue
      const bakedAt = tag(Tags, 'baked-at')
      const release = tag(Tags, 'release')
      remains.push({
        ami: undefined,
        snapshots: [SnapshotId],
        release,
        bakedAt,
        reason: young(bakedAt),
      })
    }
  }
  return remains.sort((a, b) => b.bakedAt.localeCompare(a.bakedAt))
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

function tag(tags: Tag[] | undefined, key: string): string {
  return tags?.find(({ Key }) => Key === key)?.Value ?? ''
}

/** The AMI goes first: while it is there its snapshots are in use. */
async function removeUnlessHeld(aws: Aws, remains: Remains): Promise<Outcome> {
  const { ami, snapshots, reason } = remains
  if (reason !== undefined) return { ...remains, removed: false, failure: undefined }
  try {
    if (ami) await aws.ec2.send(new DeregisterImageCommand({ ImageId: ami }))
    for (const SnapshotId of snapshots)
      await aws.ec2.send(new DeleteSnapshotCommand({ SnapshotId }))
    return { ...remains, removed: true, failure: undefined }
  } catch (error) {
    const failure = `${ami ?? snapshots[0]} is not, or not wholly, removed: ${explain(error)}`
    return { ...remains, removed: false, failure }
  }
}

function print(remains: Remains[]): void {
  if (remains.length === 0) {
    console.log('no AMI of hello in this region')
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
