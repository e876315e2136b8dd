import { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch'
import { EC2Client } from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import { SSMClient } from '@aws-sdk/client-ssm'
import { STSClient } from '@aws-sdk/client-sts'

const ATTEMPTS = 6
const CONNECT_TIMEOUT_MS = 5_000
const REQUEST_TIMEOUT_MS = 30_000

export interface Aws {
  autoScaling: AutoScalingClient
  ec2: EC2Client
  elb: ElasticLoadBalancingV2Client
  cloudwatch: CloudWatchClient
  ssm: SSMClient
  sts: STSClient
}

/** The region that somebody has chosen: the option `--region`, or else the environment's. */
export const chosenRegion = (option?: string): string | undefined =>
  option ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION

/** What every client is made with; see `connect`. */
export function clientOptions(region?: string) {
  const chosen = chosenRegion(region)
  return {
    ...(chosen ? { region: chosen } : {}),
    ...(process.env.AWS_MAX_ATTEMPTS ? {} : { maxAttempts: ATTEMPTS }),
    // The SDK has no timeouts by default: a dead connection would never be noticed.
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  }
}

/**
 * The clients for one region: `region` if given, else AWS_REGION, AWS_DEFAULT_REGION or the profile's. The SDK honours
 * AWS_ENDPOINT_URL and AWS_MAX_ATTEMPTS. Opens no connection until a command is sent.
 */
export function connect(region?: string): Aws {
  const options = clientOptions(region)
  return {
    autoScaling: new AutoScalingClient(options),
    ec2: new EC2Client(options),
    elb: new ElasticLoadBalancingV2Client(options),
    cloudwatch: new CloudWatchClient(options),
    ssm: new SSMClient(options),
    sts: new STSClient(options),
  }
}
