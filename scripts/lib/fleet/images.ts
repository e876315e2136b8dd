import {
  type Image as AwsImage,
  DescribeImagesCommand,
  type Filter,
  paginateDescribeImages,
  paginateDescribeLaunchTemplateVersions,
} from '@aws-sdk/client-ec2'
import type { Aws } from '../aws/clients.ts'
import { service } from '../service.ts'
import { AmiId, inForm, ReleaseId, Sha256, Timestamp } from './forms.ts'
import { TAG, tagValue } from './tags.ts'

export const ARCHITECTURES = ['x64', 'arm64'] as const
export type Arch = (typeof ARCHITECTURES)[number]

/** What the tags of an AMI say is in it, each by its SHA-256 in hexadecimal; undefined without the tag. */
export interface Digests {
  executable: string | undefined
  sbom: string | undefined
}

/** An AMI of this service, with what its tags say. */
export interface Image extends Digests {
  id: string
  state: string
  /** Undefined for an architecture that the service does not run on. */
  arch: Arch | undefined
  release: string | undefined
  createdAt: Date
  /** As recorded by the bake; undefined without the tag. */
  bakedAt: string | undefined
  /** The AMI that it was made from, and when that was made; undefined without the tags. */
  source: string | undefined
  sourceCreated: string | undefined
  snapshots: string[]
}

/** A version of a launch template. */
export interface TemplateVersion {
  number: number
  imageId: string | undefined
  /** From the instance tags of the version. */
  release: string | undefined
  /** What an instance runs at its first boot, decoded. */
  userData: string
  isDefault: boolean
}

/** Selects the service's own images and snapshots. */
export const OURS: Filter = { Name: `tag:${TAG.service}`, Values: [service.name] }

/** Every AMI of the service (of one release, if given), newest first. */
export async function listImages(aws: Aws, release?: string): Promise<Image[]> {
  return await imagesWith(
    aws,
    release ? [OURS, { Name: `tag:${TAG.release}`, Values: [release] }] : [OURS],
  )
}

/** The AMIs of this account that pass all filters, newest first. */
export async function imagesWith(aws: Aws, Filters: Filter[]): Promise<Image[]> {
  const found: Image[] = []
  const pages = paginateDescribeImages({ client: aws.ec2 }, { Owners: ['self'], Filters })
  for await (const { Images = [] } of pages) found.push(...Images.map(toImage))
  return found.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime())
}

/** Undefined when the image does not exist (any more) for this account. */
export async function findImage(aws: Aws, id: string): Promise<Image | undefined> {
  const answer = await aws.ec2
    .send(new DescribeImagesCommand({ ImageIds: [id] }))
    .catch(unlessNotFound)
  const image = answer?.Images?.[0]
  return image && toImage(image)
}

/** All versions of a launch template, newest first; none when there is no such template. */
export async function listVersions(aws: Aws, templateId: string): Promise<TemplateVersion[]> {
  return await versions(aws, { LaunchTemplateId: templateId })
}

/** One version, or undefined when the template or the version does not exist. */
export async function findVersion(
  aws: Aws,
  templateId: string,
  number: number,
): Promise<TemplateVersion | undefined> {
  const [found] = await versions(aws, {
    LaunchTemplateId: templateId,
    Versions: [String(number)],
  })
  return found
}

async function versions(
  aws: Aws,
  wanted: { LaunchTemplateId: string; Versions?: string[] },
): Promise<TemplateVersion[]> {
  const found: TemplateVersion[] = []
  try {
    const pages = paginateDescribeLaunchTemplateVersions({ client: aws.ec2 }, wanted)
    for await (const { LaunchTemplateVersions = [] } of pages) {
      for (const {
        VersionNumber = 0,
        LaunchTemplateData: data,
        DefaultVersion,
      } of LaunchTemplateVersions) {
        const specification = data?.TagSpecifications?.find(
          ({ ResourceType }) => ResourceType === 'instance',
        )
        found.push({
          number: VersionNumber,
          imageId: data?.ImageId,
          release: inForm(ReleaseId, tagValue(specification?.Tags, TAG.release)),
          userData: Buffer.from(data?.UserData ?? '', 'base64').toString(),
          isDefault: DefaultVersion === true,
        })
      }
    }
  } catch (error) {
    unlessNotFound(error as Error)
  }
  return found.sort((a, b) => b.number - a.number)
}

function toImage(image: AwsImage): Image {
  const { Architecture } = image
  return {
    id: image.ImageId ?? '',
    state: image.State ?? 'unknown',
    arch: Architecture === 'x86_64' ? 'x64' : ARCHITECTURES.find((arch) => arch === Architecture),
    release: inForm(ReleaseId, tagValue(image.Tags, TAG.release)),
    executable: inForm(Sha256, tagValue(image.Tags, TAG.executable)),
    sbom: inForm(Sha256, tagValue(image.Tags, TAG.sbom)),
    createdAt: new Date(image.CreationDate ?? 0),
    bakedAt: inForm(Timestamp, tagValue(image.Tags, TAG.bakedAt)),
    source: inForm(AmiId, tagValue(image.Tags, TAG.source)),
    sourceCreated: inForm(Timestamp, tagValue(image.Tags, TAG.sourceCreated)),
    snapshots: (image.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.SnapshotId ?? []),
  }
}

function unlessNotFound(error: Error): undefined {
  if (/NotFound|Malformed/.test(error.name)) return undefined
  throw error
}
