import { accountOf, type Certificate, type Store } from '../account.ts'
import type { ControlPlane } from '../control-plane.ts'
import { ApiError } from '../errors.ts'
import { ACCOUNT } from '../names.ts'
import { CERTIFICATE_ARN, loadBalancerArn } from './elb.ts'
import { metricOf } from './json.ts'
import { NamedList, pageOf, type Query, type Xml } from './query.ts'

type Json = Record<string, unknown>
type JsonAction = (plane: ControlPlane, input: Json) => Json
type QueryAction = (plane: ControlPlane, query: Query) => Xml

const HOUR_MS = 3_600_000

/** What scripts/doctor asks in JSON: CloudWatch, CloudWatch Logs, SSM, Service Quotas, ACM and MemoryDB; and parameters. */
export const accountJson: Record<string, JsonAction> = {
  // Of the requests to a target only, in the last hour. Without any, there are no data.
  GetMetricStatistics: (plane, input) => {
    const { requestsPerTarget } = accountOf(plane)
    const isKnown = input.MetricName === 'RequestCountPerTarget' && requestsPerTarget > 0
    return { Datapoints: isKnown ? [{ Sum: requestsPerTarget, Unit: 'None' }] : [] }
  },

  // Dimensions given must all be there; others may be, too.
  ListMetrics: (plane, input) => {
    const wanted = (input.Dimensions ?? []) as { Name: string; Value?: string }[]
    const chosen = accountOf(plane).metrics.filter(
      ({ namespace, name, dimensions }) =>
        (input.Namespace === undefined || input.Namespace === namespace) &&
        (input.MetricName === undefined || input.MetricName === name) &&
        wanted.every(({ Name, Value }) => dimensions[Name] === Value),
    )
    const { entries, next } = pageOf(chosen, 500, plane.pageSize, input.NextToken as string)
    return { Metrics: entries.map(metricOf), ...(next ? { NextToken: next } : {}) }
  },

  // The first page is empty although there is more, as it may be (API Reference, FilterLogEvents).
  FilterLogEvents: (plane, input) => {
    if (input.nextToken === undefined) return { events: [], nextToken: 'more' }
    const events = streams(plane, input)
      .filter(([, at]) => at >= Number(input.startTime))
      .map(([logStreamName, timestamp]) => ({ logStreamName, timestamp, message: '{}' }))
    return { events: events.slice(0, Number(input.limit ?? 10_000)) }
  },

  // A stream's last event is told up to an hour late (API Reference, LogStream).
  DescribeLogStreams: (plane, input) => ({
    logStreams: streams(plane, input).map(([logStreamName, at]) => ({
      logStreamName,
      lastEventTimestamp: at - HOUR_MS,
    })),
  }),

  GetDocument: (plane, { Name }) => {
    const { preferences } = accountOf(plane)
    if (Name !== 'SSM-SessionManagerRunShell' || !preferences) {
      throw new ApiError('InvalidDocument', `Document with name ${Name} does not exist.`)
    }
    return { Name, Content: JSON.stringify({ schemaVersion: '1.0', inputs: preferences }) }
  },

  DescribeInstanceInformation: (plane, input) => {
    const [filter] = input.Filters as { Key: string; Values: string[] }[]
    return {
      InstanceInformationList: plane.instances
        .filter(({ id }) => filter?.Values.includes(id))
        .map(({ id }) => ({
          InstanceId: id,
          PingStatus: accountOf(plane).offline.has(id) ? 'ConnectionLost' : 'Online',
        })),
    }
  },

  DescribeParameters: (plane, input) => {
    const [filter] = input.ParameterFilters as { Values: string[] }[]
    return {
      Parameters: [...accountOf(plane).parameters]
        .filter(([Name]) => filter?.Values.includes(Name))
        .map(([Name, Type]) => ({ Name, Type })),
    }
  },

  GetParameter: (plane, input) => {
    const Name = String(input.Name)
    const Value = accountOf(plane).values.get(Name)
    if (Value === undefined) throw new ApiError('ParameterNotFound', '')
    return { Parameter: { Name, Type: 'String', Value } }
  },

  PutParameter: (plane, input) => {
    const { values } = accountOf(plane)
    const name = String(input.Name)
    if (values.has(name) && !input.Overwrite) {
      throw new ApiError('ParameterAlreadyExists', 'The parameter already exists.')
    }
    values.set(name, String(input.Value))
    return { Version: 1 }
  },

  DeleteParameter: (plane, input) => {
    if (!accountOf(plane).values.delete(String(input.Name)))
      throw new ApiError('ParameterNotFound', '')
    return {}
  },

  GetServiceQuota: (plane, input) => quotaOf(accountOf(plane).quotas, input),
  GetAWSDefaultServiceQuota: (plane, input) => quotaOf(accountOf(plane).defaultQuotas, input),

  DescribeCertificate: (plane, input) => {
    if (input.CertificateArn !== CERTIFICATE_ARN) {
      throw new ApiError('ResourceNotFoundException', `Could not find ${input.CertificateArn}.`)
    }
    return { Certificate: certificateOf(accountOf(plane).certificate, loadBalancerArn(plane)) }
  },

  CreateSnapshot: (plane, input) => {
    takeSnapshot(plane, 'memorydb', String(input.ClusterName), String(input.SnapshotName))
    return {}
  },
  DescribeSnapshots: (plane, input) => {
    const Status = snapshotOf(plane, 'memorydb', String(input.SnapshotName))
    return { Snapshots: [{ Name: input.SnapshotName, Status }] }
  },
  CreateCluster: (plane, input) => {
    for (const each of ['NodeType', 'ACLName'])
      if (!input[each]) throw new ApiError('ValidationException', `${each} must not be null`)
    const name = String(input.ClusterName)
    return { Cluster: clusterOf(name, restore(plane, 'memorydb', name, `${input.SnapshotName}`)) }
  },
  DeleteCluster: (plane, input) => {
    drop(plane, 'memorydb', String(input.ClusterName))
    return {}
  },

  DescribeUsers: (plane, input) => ({ Users: [userOf(plane, 'memorydb', String(input.UserName))] }),
  UpdateUser: (plane, input) => {
    const { Passwords } = input.AuthenticationMode as { Passwords: string[] }
    return { User: setPasswords(plane, 'memorydb', String(input.UserName), Passwords) }
  },

  DescribeClusters: (plane, input) => {
    const name = String(input.ClusterName)
    const copy = copyOf(plane, 'memorydb', name)
    if (copy) return { Clusters: [clusterOf(name, copy)] }
    const store = storeOf(plane, 'memorydb', name)
    if (!store) throw new ApiError('ClusterNotFoundFault', 'Cluster not found.', 404)
    const Nodes = [...store.nodes].map(([Name, Status]) => ({ Name, Status }))
    return {
      Clusters: [
        {
          Name: plane.group.name,
          Status: store.status,
          NodeType: 'db.t4g.small',
          ACLName: plane.group.name,
          SubnetGroupName: plane.group.name,
          ClusterEndpoint: { Address: 'store', Port: 6379 },
          ...(input.ShowShardDetails ? { Shards: [{ Name: '0001', Nodes }] } : {}),
        },
      ],
    }
  },
}

/** What scripts/doctor asks in the Query protocol: SNS, IAM and ElastiCache. */
export const accountQuery: Record<
  string,
  { actions: Record<string, QueryAction>; namespace: string }
> = {
  sns: {
    namespace: 'http://sns.amazonaws.com/doc/2010-03-31/',
    actions: {
      ListSubscriptionsByTopic: (plane, query) => {
        const { topic, subscriptions } = accountOf(plane)
        if (query.text('TopicArn') !== topic) {
          throw new ApiError('NotFound', 'Topic does not exist', 404)
        }
        return {
          Subscriptions: subscriptions.map(({ endpoint, confirmed }, index) => ({
            SubscriptionArn: confirmed ? `${topic}:${index}` : 'PendingConfirmation',
            Protocol: 'email',
            Endpoint: endpoint,
            TopicArn: topic,
          })),
        }
      },
    },
  },
  iam: {
    namespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
    actions: {
      GetRole: (plane, query) => {
        const role = query.text('RoleName') ?? ''
        const trust = accountOf(plane).trust.get(role)
        if (!trust) {
          throw new ApiError('NoSuchEntity', `The role with name ${role} cannot be found.`, 404)
        }
        return {
          Role: {
            RoleName: role,
            Arn: `arn:aws:iam::${ACCOUNT}:role/${role}`,
            AssumeRolePolicyDocument: encodeURIComponent(JSON.stringify(policyOf(trust))),
          },
        }
      },
    },
  },
  elasticache: {
    namespace: 'http://elasticache.amazonaws.com/doc/2015-02-02/',
    actions: {
      DescribeUsers: (plane, query) => {
        const user = userOf(plane, 'elasticache', query.text('UserId') ?? '')
        return { Users: [user] }
      },
      ModifyUser: (plane, query) => {
        const passwords = query.list('AuthenticationMode.Passwords')
        return setPasswords(plane, 'elasticache', query.text('UserId') ?? '', passwords)
      },
      CreateSnapshot: (plane, query) => {
        const names = [query.text('ReplicationGroupId') ?? '', query.text('SnapshotName') ?? '']
        takeSnapshot(plane, 'elasticache', ...(names as [string, string]))
        return {}
      },
      DescribeSnapshots: (plane, query) => {
        const SnapshotStatus = snapshotOf(plane, 'elasticache', query.text('SnapshotName') ?? '')
        return { Snapshots: new NamedList('Snapshot', [{ SnapshotStatus }]) }
      },
      DescribeCacheClusters: (plane) => ({
        CacheClusters: new NamedList('CacheCluster', [
          { Engine: 'valkey', CacheSubnetGroupName: plane.group.name },
        ]),
      }),
      CreateReplicationGroup: (plane, query) => {
        const name = query.text('ReplicationGroupId') ?? ''
        restore(plane, 'elasticache', name, query.text('SnapshotName') ?? '')
        return { ReplicationGroup: { ReplicationGroupId: name, Status: 'creating' } }
      },
      DeleteReplicationGroup: (plane, query) => {
        drop(plane, 'elasticache', query.text('ReplicationGroupId') ?? '')
        return {}
      },
      DescribeReplicationGroups: (plane, query) => {
        const copy = copyOf(plane, 'elasticache', query.text('ReplicationGroupId') ?? '')
        if (copy) {
          const { Status, ClusterEndpoint: ConfigurationEndpoint } = clusterOf('', copy)
          return {
            ReplicationGroups: new NamedList('ReplicationGroup', [
              { Status, ConfigurationEndpoint },
            ]),
          }
        }
        const store = storeOf(plane, 'elasticache', query.text('ReplicationGroupId') ?? '')
        if (!store) {
          throw new ApiError(
            'ReplicationGroupNotFoundFault',
            `ReplicationGroup ${query.text('ReplicationGroupId')} not found.`,
            404,
          )
        }
        const shards = [...store.nodes].map(([CacheClusterId, Status]) => ({
          Status,
          NodeGroupMembers: new NamedList('NodeGroupMember', [{ CacheClusterId }]),
        }))
        return {
          ReplicationGroups: new NamedList('ReplicationGroup', [
            {
              ReplicationGroupId: plane.group.name,
              Status: store.status,
              NodeGroups: new NamedList('NodeGroup', shards),
            },
          ]),
        }
      },
    },
  },
}

function streams(plane: ControlPlane, input: Json): [string, number][] {
  const { logGroup, streams } = accountOf(plane)
  if (input.logGroupName !== logGroup) {
    throw new ApiError('ResourceNotFoundException', 'The specified log group does not exist.')
  }
  return [...streams].filter(([stream]) => stream.startsWith(String(input.logStreamNamePrefix)))
}

function quotaOf(quotas: Map<string, number>, { ServiceCode, QuotaCode }: Json): Json {
  const Value = quotas.get(String(QuotaCode))
  if (Value === undefined) {
    throw new ApiError('NoSuchResourceException', 'The request failed because of no such quota.')
  }
  return { Quota: { ServiceCode, QuotaCode, Value } }
}

function certificateOf(certificate: Certificate, balancer: string): Json {
  const { domain, status, notAfter, inUse, renewable, renewal } = certificate
  return {
    CertificateArn: CERTIFICATE_ARN,
    DomainName: domain,
    SubjectAlternativeNames: [domain],
    Status: status,
    NotAfter: notAfter / 1000,
    InUseBy: inUse ? [balancer] : [],
    RenewalEligibility: renewable ? 'ELIGIBLE' : 'INELIGIBLE',
    ...(renewal ? { RenewalSummary: { RenewalStatus: renewal } } : {}),
  }
}

function storeOf(plane: ControlPlane, engine: Store['engine'], name: string): Store | undefined {
  const { store } = accountOf(plane)
  return store?.engine === engine && name === plane.group.name ? store : undefined
}

function takeSnapshot(
  plane: ControlPlane,
  engine: Store['engine'],
  name: string,
  snapshot: string,
): void {
  const store = storeOf(plane, engine, name)
  if (!store) throw new ApiError('ClusterNotFoundFault', 'Cluster not found.', 404)
  store.snapshots.set(snapshot, 'creating')
  void (store.dump?.(snapshot) ?? Promise.resolve()).then(() =>
    store.snapshots.set(snapshot, 'available'),
  )
}

function snapshotOf(plane: ControlPlane, engine: Store['engine'], snapshot: string): string {
  const status = storeOf(plane, engine, plane.group.name)?.snapshots.get(snapshot)
  if (!status) throw new ApiError('SnapshotNotFoundFault', 'Snapshot not found.', 404)
  return status
}

function restore(plane: ControlPlane, engine: Store['engine'], name: string, snapshot: string) {
  if (snapshotOf(plane, engine, snapshot) !== 'available')
    throw new ApiError('InvalidSnapshotStateFault', 'The snapshot is not available.')
  const store = storeOf(plane, engine, plane.group.name) as Store
  const copy = { status: 'creating', endpoint: 'copy:6379' }
  store.copies.set(name, copy)
  void (store.load?.(snapshot) ?? Promise.resolve(copy.endpoint)).then((endpoint) =>
    Object.assign(copy, { status: 'available', endpoint }),
  )
  return copy
}

function drop(plane: ControlPlane, engine: Store['engine'], name: string): void {
  const copy = copyOf(plane, engine, name)
  if (!copy) throw new ApiError('ClusterNotFoundFault', 'Cluster not found.', 404)
  if (copy.status !== 'available')
    throw new ApiError('InvalidClusterStateFault', `${name} is ${copy.status}.`)
  copy.status = 'deleting'
  setTimeout(() => accountOf(plane).store?.copies.delete(name), 50)
}

const copyOf = (plane: ControlPlane, engine: Store['engine'], name: string) =>
  storeOf(plane, engine, plane.group.name)?.copies.get(name)

function clusterOf(Name: string, { status, endpoint }: { status: string; endpoint: string }) {
  const [Address = '', port] = endpoint.split(':')
  return { Name, Status: status, ClusterEndpoint: { Address, Port: Number(port) } }
}

/** The service's user of the store. */
function userOf(plane: ControlPlane, engine: Store['engine'], name: string) {
  const store = storeOf(plane, engine, name)
  if (!store) throw new ApiError('UserNotFoundFault', `User ${name} not found.`, 404)
  const { passwords, modifying } = store
  return {
    [engine === 'memorydb' ? 'Name' : 'UserId']: name,
    Status: modifying ? 'modifying' : 'active',
    Authentication: { Type: 'password', PasswordCount: passwords.length },
  }
}

/** Replaces all of its passwords, of which there may be two (User Guides, "Authenticating users with ACLs", "RBAC"). */
function setPasswords(
  plane: ControlPlane,
  engine: Store['engine'],
  name: string,
  passwords: string[],
) {
  const store = storeOf(plane, engine, name)
  if (store?.modifying)
    throw new ApiError('InvalidUserStateFault', `User ${name} is being modified.`)
  if (passwords.length < 1 || passwords.length > 2)
    throw new ApiError('InvalidParameterValue', 'A user has one or two passwords.')
  if (store) {
    store.modifying = true
    store.passwords = passwords
    void (store.takeUp?.(passwords) ?? Promise.resolve()).then(() => {
      store.modifying = false
    })
  }
  return userOf(plane, engine, name)
}

const policyOf = (conditions: Record<string, string | string[]>): Json => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: 'sts:AssumeRoleWithWebIdentity',
      Principal: {
        Federated: 'arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com',
      },
      Condition: {
        StringEquals: Object.fromEntries(
          Object.entries(conditions).map(([claim, values]) => [
            `token.actions.githubusercontent.com:${claim}`,
            values,
          ]),
        ),
      },
    },
  ],
})
