import { DeleteSnapshotCommand, DeregisterImageCommand, type Filter } from '@aws-sdk/client-ec2'
import type { Aws } from '../aws/clients.ts'
import { unless } from '../aws/errors.ts'
import { service } from '../service.ts'

/** Selects the images and snapshots of bakes that are not finished, by the name in packer/aws/source.pkr.hcl. */
export const unfinished = (release = '*'): Filter => ({
  Name: 'tag:Name',
  Values: [`packer ${service.name} ${release.slice(0, 12)}`],
})

/** How long a snapshot may be in use after its AMI is gone, in milliseconds. */
const IN_USE_MS = 60_000
const PAUSE_MS = 1_000

/** The AMI goes first: while it exists, its snapshots are in use, and for a moment after it. */
export async function removeImage(
  aws: Aws,
  ami: string | undefined,
  snapshots: string[],
): Promise<void> {
  if (ami) await aws.ec2.send(new DeregisterImageCommand({ ImageId: ami }))
  const deadline = Date.now() + IN_USE_MS
  for (const SnapshotId of snapshots) {
    const remove = () => aws.ec2.send(new DeleteSnapshotCommand({ SnapshotId }))
    while (!(await remove().catch(unless('InvalidSnapshot.InUse'))) && Date.now() < deadline) {
      await Bun.sleep(PAUSE_MS)
    }
  }
}
