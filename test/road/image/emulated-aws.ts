import {
  CreateFleetCommand,
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  CreateSnapshotCommand,
  CreateVolumeCommand,
  type EC2Client,
  RegisterImageCommand,
  type Tag,
} from '@aws-sdk/client-ec2'
import { name } from '../../../package.json'
import { type Aws, connect } from '../../../scripts/lib/aws/clients.ts'
import { startMinistack } from '../../lab/aws-double/ministack.ts'

export interface EmulatedAws extends AsyncDisposable {
  aws: Aws
  /** The environment for a script to use it. */
  env: Record<string, string>
}

/** Starts an empty emulated AWS, and points this process's SDK at it. */
export async function startEmulatedAws(): Promise<EmulatedAws> {
  const ministack = await startMinistack()
  const env = {
    AWS_ENDPOINT_URL: ministack.url,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  }
  const before = Object.fromEntries(Object.keys(env).map((name) => [name, process.env[name]]))
  Object.assign(process.env, env)
  return {
    aws: connect(),
    env,
    async [Symbol.asyncDispose]() {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      await ministack[Symbol.asyncDispose]()
    },
  }
}

export interface FakeAmi {
  ami: string
  snapshot: string
}

/** An AMI as scripts/bake leaves it. */
export async function registerAmi(
  ec2: EC2Client,
  release: string,
  bakedAt: Date,
  suffix = '',
): Promise<FakeAmi> {
  return await registerTagged(
    ec2,
    release,
    tagsOf({ service: name, release, 'baked-at': bakedAt.toISOString() }),
    suffix,
  )
}

/** An AMI as a bake leaves it that fails while Packer waits for it. */
export async function registerUnfinished(ec2: EC2Client, release: string): Promise<FakeAmi> {
  return await registerTagged(
    ec2,
    release,
    tagsOf({ Name: `packer ${name} ${release.slice(0, 12)}` }),
  )
}

async function registerTagged(
  ec2: EC2Client,
  release: string,
  tags: Tag[],
  suffix = '',
): Promise<FakeAmi> {
  const snapshot = await makeSnapshot(ec2, tags)
  const { ImageId } = await ec2.send(
    new RegisterImageCommand({
      Name: `${name}-${release.slice(0, 12)}-arm64${suffix}`,
      Architecture: 'arm64',
      RootDeviceName: '/dev/xvda',
      BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId: snapshot } }],
      TagSpecifications: [{ ResourceType: 'image', Tags: tags }],
    }),
  )
  return { ami: ImageId as string, snapshot }
}

export async function makeSnapshot(ec2: EC2Client, tags: Tag[]): Promise<string> {
  const volume = await ec2.send(
    new CreateVolumeCommand({ AvailabilityZone: 'eu-west-1a', Size: 8 }),
  )
  const { SnapshotId } = await ec2.send(
    new CreateSnapshotCommand({
      VolumeId: volume.VolumeId,
      TagSpecifications: [{ ResourceType: 'snapshot', Tags: tags }],
    }),
  )
  return SnapshotId as string
}

export function tagsOf(tags: Record<string, string>): Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
}

/** A launch template with a version for each of `amis`, in this order. */
export async function makeLaunchTemplate(
  ec2: EC2Client,
  name: string,
  amis: string[],
): Promise<string> {
  const [first, ...rest] = amis
  const { LaunchTemplate } = await ec2.send(
    new CreateLaunchTemplateCommand({
      LaunchTemplateName: name,
      LaunchTemplateData: { ImageId: first },
    }),
  )
  for (const ImageId of rest) {
    await ec2.send(
      new CreateLaunchTemplateVersionCommand({
        LaunchTemplateName: name,
        LaunchTemplateData: { ImageId },
      }),
    )
  }
  return LaunchTemplate?.LaunchTemplateId as string
}

/** Launches an instance from a launch template version. */
export async function launch(ec2: EC2Client, name: string, version: string): Promise<void> {
  await ec2.send(
    new CreateFleetCommand({
      Type: 'instant',
      TargetCapacitySpecification: {
        TotalTargetCapacity: 1,
        DefaultTargetCapacityType: 'on-demand',
      },
      LaunchTemplateConfigs: [
        { LaunchTemplateSpecification: { LaunchTemplateName: name, Version: version } },
      ],
    }),
  )
}
