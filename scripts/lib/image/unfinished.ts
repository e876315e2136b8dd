import { DeleteSnapshotCommand, DeregisterImageCommand, type Filter } from '@aws-sdk/client-ec2'
import type { Aws } from '../aws/clients.ts'
import { service } from '../service.ts'

/** Selects the images and snapshots of bakes that are not finished, by the name in packer/aws/source.pkr.hcl. */
export const unfinished = (release = '*'): Filter => ({
  Name: 'tag:Name',
  Values: [`packer ${service.name} ${release.slice(0, 12)}`],
})

/** The AMI goes first: while it exists, its snapshots are in use. */
export async function removeImage(
  aws: Aws,
  ami: string | undefined,
  snapshots: string[],
): Promise<void> {
  if (ami) await aws.ec2.send(new DeregisterImageCommand({ ImageId: ami }))
  for (const SnapshotId of snapshots) await aws.ec2.send(new DeleteSnapshotCommand({ SnapshotId }))
}
