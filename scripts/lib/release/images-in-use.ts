import {
  type AutoScalingGroup,
  paginateDescribeAutoScalingGroups,
} from '@aws-sdk/client-auto-scaling'
import { paginateDescribeInstances, paginateDescribeLaunchTemplates } from '@aws-sdk/client-ec2'
import type { Aws } from '../aws/clients.ts'
import { INSTANCES_A_PAGE } from '../fleet/fleet.ts'
import { listVersions } from '../fleet/images.ts'

/** Why each AMI must stay, by id. The first reason found is enough. */
export type InUse = Map<string, string>

/**
 * The AMIs in use: by the last `versions` versions and the default version of each launch template, by the version that
 * a group launches, and by every instance that is not terminated.
 */
export async function imagesInUse(aws: Aws, versions: number): Promise<InUse> {
  const inUse: InUse = new Map()
  const keep = (ami: string | undefined, reason: string) => {
    if (ami && !inUse.has(ami)) inUse.set(ami, reason)
  }
  const imageOf = new Map<string, string>()

  const instances = paginateDescribeInstances({ client: aws.ec2, pageSize: INSTANCES_A_PAGE }, {})
  for await (const page of instances) {
    for (const instance of page.Reservations?.flatMap(({ Instances = [] }) => Instances) ?? []) {
      if (instance.State?.Name !== 'terminated')
        keep(instance.ImageId, `instance ${instance.InstanceId}`)
    }
  }

  for await (const page of paginateDescribeLaunchTemplates({ client: aws.ec2 }, {})) {
    for (const { LaunchTemplateId: id, LaunchTemplateName: name } of page.LaunchTemplates ?? []) {
      for (const [index, each] of (await listVersions(aws, id as string)).entries()) {
        const { number, imageId, isDefault } = each
        if (imageId) imageOf.set(`${id}:${number}`, imageId).set(`${name}:${number}`, imageId)
        if (index < versions || isDefault) keep(imageId, `${name} version ${number}`)
      }
    }
  }

  for await (const page of paginateDescribeAutoScalingGroups({ client: aws.autoScaling }, {})) {
    for (const group of page.AutoScalingGroups ?? []) {
      const reason = `group ${group.AutoScalingGroupName}`
      for (const template of templatesOf(group)) {
        const key = template.LaunchTemplateId ?? template.LaunchTemplateName
        keep(imageOf.get(`${key}:${template.Version}`), reason)
      }
      for (const { ImageId } of overridesOf(group)) keep(ImageId, reason)
    }
  }
  return inUse
}

const overridesOf = ({ MixedInstancesPolicy: policy }: AutoScalingGroup) =>
  policy?.LaunchTemplate?.Overrides ?? []

/** The launch template of a group, or those of its mixed instances policy. */
function templatesOf(group: AutoScalingGroup) {
  return [
    group.LaunchTemplate,
    group.MixedInstancesPolicy?.LaunchTemplate?.LaunchTemplateSpecification,
    ...overridesOf(group).map((override) => override.LaunchTemplateSpecification),
  ].filter((template) => template !== undefined)
}
