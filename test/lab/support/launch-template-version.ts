/**
 * Makes the version of a launch template that a rollout is about to start, like the newest one but with the image and
 * release of a release file, unless it is there: `launch-template-version.ts FILE start OPTION…`, as scripts/rollout's.
 */
import { parseArgs } from 'node:util'
import {
  CreateLaunchTemplateVersionCommand,
  DescribeLaunchTemplateVersionsCommand,
} from '@aws-sdk/client-ec2'
import { connect } from '../../../scripts/lib/aws/clients.ts'
import { readReleaseFile } from '../../../scripts/lib/release/file.ts'

const [file = '', , ...options] = process.argv.slice(2)
const { values } = parseArgs({
  args: options,
  options: {
    'launch-template-id': { type: 'string' },
    'launch-template-version': { type: 'string' },
  },
  strict: false,
})
const LaunchTemplateId = String(values['launch-template-id'])
const version = Number(values['launch-template-version'])
const { release, ami_id: ImageId } = readReleaseFile(file)
const { ec2 } = connect()

const { LaunchTemplateVersions: [newest] = [] } = await ec2.send(
  new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId, Versions: ['$Latest'] }),
)
if (version > Number(newest?.VersionNumber)) {
  const { UserData, TagSpecifications = [] } = newest?.LaunchTemplateData ?? {}
  const { LaunchTemplateVersion: made } = await ec2.send(
    new CreateLaunchTemplateVersionCommand({
      LaunchTemplateId,
      VersionDescription: `release ${release}`,
      LaunchTemplateData: {
        ImageId,
        UserData,
        TagSpecifications: TagSpecifications.map(({ ResourceType, Tags = [] }) => ({
          ResourceType,
          Tags: Tags.map(({ Key, Value }) => ({ Key, Value: Key === 'release' ? release : Value })),
        })),
      },
    }),
  )
  if (made?.VersionNumber !== version) {
    throw new Error(`made version ${made?.VersionNumber} of ${LaunchTemplateId}, not ${version}`)
  }
}
