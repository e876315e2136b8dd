import { type Access, requestTags, resourceTags } from '../aws-double/access.ts'
import { arn, REGION } from '../aws-double/names.ts'

/** A request as IAM sees it. */
export const ask = (action: string, resource = '*', context: Access['context'] = {}): Access => ({
  action,
  resource,
  context,
})

/** Condition keys for the tags that a resource has, and for those that a request sets. */
export const has = (tags: Record<string, string>) =>
  resourceTags(['aws', 'ec2', 'ssm', 'autoscaling'], tags)
export const sets = requestTags

const ID = '0123456789abcdef0'
export const image = (id = ID): string => `arn:aws:ec2:${REGION}::image/ami-${id}`
export const snapshot = (id = ID): string => `arn:aws:ec2:${REGION}::snapshot/snap-${id}`
/** A resource of EC2 by its kind and the prefix of its id, such as `instance/i`. */
export const ec2 = (kind: string): string => arn('ec2', `${kind}-${ID}`)
