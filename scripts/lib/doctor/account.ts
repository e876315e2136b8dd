import { ACMClient } from '@aws-sdk/client-acm'
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs'
import { ElastiCacheClient } from '@aws-sdk/client-elasticache'
import { IAMClient } from '@aws-sdk/client-iam'
import { MemoryDBClient } from '@aws-sdk/client-memorydb'
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas'
import { SNSClient } from '@aws-sdk/client-sns'
import { type Aws, clientOptions, connect } from '../aws/clients.ts'

/** All that scripts/doctor looks at. The other commands do without these clients, which take a moment to load. */
export interface Account extends Aws {
  acm: ACMClient
  elastiCache: ElastiCacheClient
  iam: IAMClient
  logs: CloudWatchLogsClient
  memoryDb: MemoryDBClient
  quotas: ServiceQuotasClient
  sns: SNSClient
}

/** The clients for one region, chosen as `connect` does. */
export function connectAccount(region?: string): Account {
  const options = clientOptions(region)
  return {
    ...connect(region),
    acm: new ACMClient(options),
    elastiCache: new ElastiCacheClient(options),
    iam: new IAMClient(options),
    logs: new CloudWatchLogsClient(options),
    memoryDb: new MemoryDBClient(options),
    quotas: new ServiceQuotasClient(options),
    sns: new SNSClient(options),
  }
}
