import {
  DescribeImagesCommand,
  DescribeLaunchTemplateVersionsCommand,
  type LaunchTemplateVersion,
} from '@aws-sdk/client-ec2'
import type { Aws } from './clients.ts'

/** A launch template version with what its AMI says of itself. */
export interface Version {
  number: number
  imageId: string | undefined
  /** From the instance tags of the launch template version. */
  release: string | undefined
}

export interface ImageFacts {
  id: string
  state: string
  release: string | undefined
  createdAt: Date | undefined
}

/** All versions of a launch template, newest first. */
export async function listVersions(aws: Aws, templateId: string): Promise<Version[]> {
  const found: Version[] = []
  let NextToken: string | undefined
  do {
    const answer = await aws.ec2.send(
      new DescribeLaunchTemplateVersionsCommand({
        LaunchTemplateId: templateId,
        ...(NextToken ? { NextToken } : {}),
      }),
    )
    found.push(...(answer.LaunchTemplateVersions ?? []).map(toVersion))
    NextToken = answer.NextToken
  } while (NextToken)
  return found.sort((a, b) => b.number - a.number)
}

/** One version, or undefined when the template or the version does not exist. */
export async function findVersion(
  aws: Aws,
  templateId: string,
  number: number,
): Promise<Version | undefined> {
  const command = new DescribeLaunchTemplateVersionsCommand({
    LaunchTemplateId: templateId,
    Versions: [String(number)],
  })
  const answer = await aws.ec2.send(command).catch(unlessNotFound)
  const version = answer?.LaunchTemplateVersions?.[0]
  return version && toVersion(version)
}

/** Undefined when the image does not exist (any more) for this account. */
export async function findImage(aws: Aws, id: string): Promise<ImageFacts | undefined> {
  const answer = await aws.ec2
    .send(new DescribeImagesCommand({ ImageIds: [id] }))
    .catch(unlessNotFound)
  const image = answer?.Images?.[0]
  if (!image) return undefined
  return {
    id,
    state: image.State ?? 'unknown',
    release: image.Tags?.find(({ Key }) => Key === 'release')?.Value,
    createdAt: image.CreationDate ? new Date(image.CreationDate) : undefined,
  }
}

function toVersion(version: LaunchTemplateVersion): Version {
  const data = version.LaunchTemplateData
  const tags = data?.TagSpecifications?.find(
    ({ ResourceType }) => ResourceType === 'instance',
  )?.Tags
  return {
    number: version.VersionNumber ?? 0,
    imageId: data?.ImageId,
    release: tags?.find(({ Key }) => Key === 'release')?.Value,
  }
}

function unlessNotFound(error: Error): undefined {
  if (/NotFound|Malformed/.test(error.name)) return undefined
  throw error
}
