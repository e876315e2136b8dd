/** The account and the region that the double is. */
export const ACCOUNT = '123456789012'
export const REGION = 'eu-west-1'

/** The ARN of something in this account and region. */
export const arn = (service: string, path: string): string =>
  `arn:aws:${service}:${REGION}:${ACCOUNT}:${path}`

export const groupArn = (name: string): string =>
  arn('autoscaling', `autoScalingGroup:0:autoScalingGroupName/${name}`)
