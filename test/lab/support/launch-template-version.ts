/**
 * Makes a version of a launch template like its newest, for another release, unless it is there. Terraform runs this in
 * place of the AWS provider: `launch-template-version.ts TEMPLATE VERSION IMAGE RELEASE`.
 */
import {
  CreateLaunchTemplateVersionCommand,
  DescribeLaunchTemplateVersionsCommand,
} from '@aws-sdk/client-ec2'
import { connect } from '../../../scripts/lib/aws/clients.ts'

const [LaunchTemplateId, version, ImageId, release] = process.argv.slice(2)
const { ec2 } = connect()

const { LaunchTemplateVersions: [newest] = [] } = await ec2.send(
  new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId, Versions: ['$Latest'] }),
)
if (Number(version) > Number(newest?.VersionNumber)) {
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
  if (made?.VersionNumber !== Number(version)) {
    throw new Error(`made version ${made?.VersionNumber} of ${LaunchTemplateId}, not ${version}`)
  }
}
