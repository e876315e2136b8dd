import { accountOf } from './account.ts'
import type { ControlPlane } from './control-plane.ts'
import { ACCOUNT, arn, groupArn, REGION } from './names.ts'
import type { Query } from './wire/query.ts'

/** One permission that a call needs: an action on a resource, and what IAM knows about the request. */
export interface Access {
  action: string
  /** ARN, or `*` for an action that knows no resources. */
  resource: string
  /** Condition keys, as the Service Authorization Reference lists them for the action and the resource. */
  context: Record<string, string | string[]>
}

/** Whoever signed a request. */
export interface Caller {
  /** As sts:GetCallerIdentity tells them. */
  arn: string
  userId: string
  allows(access: Access): Promise<boolean>
}

/** The caller with an access key; undefined if there is no such key. */
export type Callers = (accessKeyId: string) => Caller | undefined

/** Anybody may do anything: where permissions are not what is tested. */
export const administrators: Callers = () => ({
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/administrator/alice`,
  userId: 'AROAADMINISTRATOR:alice',
  allows: async () => true,
})

/** A request's parameters: `query` in the Query protocols, `json` in the JSON protocols; the other is empty. */
export interface Parameters {
  query: Query
  json: Record<string, unknown>
}

type Needs = (
  plane: ControlPlane,
  parameters: Parameters,
) => (Omit<Access, 'action'> & Partial<Access>)[]

/** What a call needs. An action that is not in NEEDS is one that knows no resources, as most that describe are. */
export function accessOf(action: string, plane: ControlPlane, parameters: Parameters): Access[] {
  const needs = NEEDS[action]?.(plane, parameters) ?? [{ resource: '*', context: {} }]
  return needs.map((each) => ({ action, ...each }))
}

const group: Needs = (plane, { query }) => [onGroup(plane, query.text('AutoScalingGroupName'))]

const NEEDS: Record<string, Needs> = {
  'autoscaling:CancelInstanceRefresh': group,
  'autoscaling:RollbackInstanceRefresh': group,
  'autoscaling:SuspendProcesses': group,
  'autoscaling:ResumeProcesses': group,
  'autoscaling:StartInstanceRefresh': (plane, { query }) => {
    const version = query.text('DesiredConfiguration.LaunchTemplate.Version')
    return [
      onGroup(plane, query.text('AutoScalingGroupName')),
      ...(version === undefined ? [] : launch(plane, Number(version))),
    ]
  },
  'autoscaling:CreateOrUpdateTags': groupTags,
  'autoscaling:DeleteTags': groupTags,

  'ec2:CreateLaunchTemplateVersion': ({ template }) => [
    {
      resource: arn('ec2', `launch-template/${template.id}`),
      context: resourceTags(['aws', 'ec2'], template.tags),
    },
  ],

  'ec2:DeregisterImage': (plane, { query }) => {
    const id = query.text('ImageId') ?? ''
    return [ofEc2(`image/${id}`, plane.images.get(id)?.tags)]
  },
  'ec2:DeleteSnapshot': (plane, { query }) => {
    const id = query.text('SnapshotId') ?? ''
    return [ofEc2(`snapshot/${id}`, accountOf(plane).snapshots.get(id))]
  },

  'elasticache:CreateSnapshot': (_, { query }) => [
    ...named(arn('elasticache', `replicationgroup:${query.text('ReplicationGroupId')}`)),
    ...named(arn('elasticache', `snapshot:${query.text('SnapshotName')}`)),
  ],
  'elasticache:DescribeSnapshots': (_, { query }) =>
    named(arn('elasticache', `snapshot:${query.text('SnapshotName')}`)),
  'elasticache:DescribeCacheClusters': (_, { query }) =>
    named(arn('elasticache', `cluster:${query.text('CacheClusterId')}`)),
  'elasticache:CreateReplicationGroup': ({ group }, { query }) =>
    [
      `replicationgroup:${query.text('ReplicationGroupId')}`,
      `snapshot:${query.text('SnapshotName')}`,
      ...['parametergroup', 'subnetgroup', 'usergroup'].map((kind) => `${kind}:${group.name}`),
    ].flatMap((each) => named(arn('elasticache', each))),
  'elasticache:DeleteReplicationGroup': (_, { query }) =>
    named(arn('elasticache', `replicationgroup:${query.text('ReplicationGroupId')}`)),
  'memorydb:CreateSnapshot': (_, { json }) => named(arn('memorydb', `cluster/${json.ClusterName}`)),
  'memorydb:DescribeSnapshots': (_, { json }) =>
    named(arn('memorydb', `snapshot/${json.SnapshotName}`)),
  'memorydb:CreateCluster': (_, { json }) =>
    [
      `acl/${json.ACLName}`,
      `subnetgroup/${json.SubnetGroupName}`,
      `snapshot/${json.SnapshotName}`,
    ].flatMap((each) => named(arn('memorydb', each))),
  'memorydb:DeleteCluster': (_, { json }) => named(arn('memorydb', `cluster/${json.ClusterName}`)),
  'elasticache:DescribeUsers': (_, { query }) => storeUser('elasticache', query.text('UserId')),
  'elasticache:ModifyUser': (_, { query }) =>
    storeUser('elasticache', query.text('UserId'), query.text('AuthenticationMode.Type')),
  'memorydb:DescribeUsers': (_, { json }) => storeUser('memorydb', json.UserName),
  'memorydb:UpdateUser': (_, { json }) =>
    storeUser(
      'memorydb',
      json.UserName,
      (json.AuthenticationMode as Record<string, string> | undefined)?.Type,
    ),

  'acm:DescribeCertificate': (_, { json }) => named(String(json.CertificateArn)),
  'elasticache:DescribeReplicationGroups': (_, { query }) =>
    named(arn('elasticache', `replicationgroup:${query.text('ReplicationGroupId')}`)),
  'iam:GetRole': (_, { query }) => named(`arn:aws:iam::${ACCOUNT}:role/${query.text('RoleName')}`),
  'logs:DescribeLogStreams': (_, { json }) => named(streamsOf(json)),
  'logs:FilterLogEvents': (_, { json }) => named(streamsOf(json)),
  'memorydb:DescribeClusters': (_, { json }) =>
    named(arn('memorydb', `cluster/${json.ClusterName}`)),
  'sns:ListSubscriptionsByTopic': (_, { query }) => named(query.text('TopicArn') ?? ''),

  'cloudwatch:DescribeAlarms': () => [{ resource: arn('cloudwatch', 'alarm:*'), context: {} }],

  'ssm:GetDocument': (_, { json }) => named(arn('ssm', `document/${json.Name}`)),
  // AWS's own are of no account.
  'ssm:GetParameter': (_, { json: { Name } }) =>
    named(
      String(Name).startsWith('/aws/')
        ? `arn:aws:ssm:${REGION}::parameter${Name}`
        : arn('ssm', `parameter${Name}`),
    ),
  'ssm:DeleteParameter': (_, { json }) => named(arn('ssm', `parameter${json.Name}`)),
  'ssm:PutParameter': (_, { json }) => [
    {
      resource: arn('ssm', `parameter${json.Name}`),
      context: { 'ssm:Overwrite': String(json.Overwrite ?? false) },
    },
  ],
  'ssm:SendCommand': (plane, { json }) => [
    { resource: arn('ssm', `document/${json.DocumentName}`), context: {} },
    ...targets(plane, json).map((id) => ({
      resource: arn('ec2', `instance/${id}`),
      context: resourceTags(['aws', 'ssm'], plane.machines.instances.get(id)?.tags ?? {}),
    })),
  ],
  // The document names its role, which the caller must be allowed to pass on. Its own calls are not checked here.
  'ssm:StartAutomationExecution': (plane, { json }) => [
    { resource: arn('ssm', `document/${json.DocumentName}`), context: {} },
    { resource: arn('ssm', `automation-definition/${json.DocumentName}:$DEFAULT`), context: {} },
    { resource: arn('ssm', `automation-execution/${crypto.randomUUID()}`), context: {} },
    passRole(
      `${plane.group.name}-${json.DocumentName === `${plane.group.name}-rollback` ? 'runbook' : 'automation'}`,
      'ssm.amazonaws.com',
    ),
  ],
  'ssm:GetAutomationExecution': (_, { json }) => [
    { resource: arn('ssm', `automation-execution/${json.AutomationExecutionId}`), context: {} },
  ],
}

const named = (resource: string) => [{ resource, context: {} }]

/** A user of the store, and to which way of logging in it is changed. */
const storeUser = (engine: 'elasticache' | 'memorydb', name: unknown, mode?: string) => [
  {
    resource: arn(engine, `user${engine === 'memorydb' ? '/' : ':'}${name}`),
    context: { ...(mode && { [`${engine}:UserAuthenticationMode`]: mode }) },
  },
]

/** Images and snapshots, whose ARNs name no account. */
const ofEc2 = (path: string, tags: Record<string, string> = {}) => ({
  resource: `arn:aws:ec2:${REGION}::${path}`,
  context: resourceTags(['aws', 'ec2'], tags),
})

const streamsOf = ({ logGroupName }: Parameters['json']) =>
  arn('logs', `log-group:${logGroupName}:log-stream:`)

function onGroup(plane: ControlPlane, name = '') {
  const tags = name === plane.group.name ? plane.group.tags : {}
  return { resource: groupArn(name), context: resourceTags(['aws', 'autoscaling'], tags) }
}

function groupTags(plane: ControlPlane, { query }: Parameters) {
  const tags = query.items('Tags').map((prefix) => ({
    group: query.text(`${prefix}.ResourceId`),
    key: query.text(`${prefix}.Key`) ?? '',
    value: query.text(`${prefix}.Value`) ?? '',
  }))
  const requested = Object.fromEntries(tags.map(({ key, value }) => [key, value]))
  return [...new Set(tags.map((tag) => tag.group))].map((name) => {
    const { resource, context } = onGroup(plane, name)
    return { resource, context: { ...context, ...requestTags(requested) } }
  })
}

function targets(plane: ControlPlane, json: Record<string, unknown>): string[] {
  const ids = json.InstanceIds as string[] | undefined
  return ids ?? plane.instances.map(({ id }) => id)
}

/**
 * What Auto Scaling asks EC2 in the caller's name before it uses a version of a launch template: could they launch from
 * it themselves? (Auto Scaling User Guide, "Control Amazon EC2 launch template usage in Auto Scaling groups".)
 */
export function launch(plane: ControlPlane, number: number): ReturnType<Needs> {
  const { template, group } = plane
  const version = template.versions[number - 1]
  const image = version && plane.images.get(version.imageId)
  const run = { action: 'ec2:RunInstances' }
  const from = { 'ec2:LaunchTemplate': arn('ec2', `launch-template/${template.id}`) }
  const named = { ...from, 'ec2:IsLaunchTemplateResource': 'true' }
  const left = { ...from, 'ec2:IsLaunchTemplateResource': 'false' }
  const tags = requestTags(version?.tags ?? {})
  const made = ['instance/i', 'network-interface/eni', 'volume/vol'].map((id) => ec2Arn(id))
  return [
    {
      ...run,
      resource: from['ec2:LaunchTemplate'],
      context: resourceTags(['aws', 'ec2'], template.tags),
    },
    {
      ...run,
      resource: `arn:aws:ec2:${REGION}::image/${version?.imageId}`,
      context: {
        ...named,
        ...resourceTags(['aws', 'ec2'], image?.tags ?? {}),
        'ec2:Owner': ACCOUNT,
      },
    },
    // Terraform gives all that it makes the same tags.
    ...(
      [
        ['security-group/sg', named],
        ['subnet/subnet', left],
      ] as const
    ).map(([id, how]) => ({
      ...run,
      resource: ec2Arn(id),
      context: { ...how, ...resourceTags(['aws', 'ec2'], template.tags) },
    })),
    ...made.map((resource) => ({ ...run, resource, context: { ...left, ...tags } })),
    ...made.map((resource) => ({
      action: 'ec2:CreateTags',
      resource,
      context: { ...tags, 'ec2:CreateAction': 'RunInstances' },
    })),
    passRole(`${group.name}-instance`, 'ec2.amazonaws.com'),
  ]
}

/** Something of EC2 that the double does not model, or that is about to be made. */
const ec2Arn = (kind: string): string => arn('ec2', `${kind}-0123456789abcdef0`)

const passRole = (role: string, service: string) => ({
  action: 'iam:PassRole',
  resource: `arn:aws:iam::${ACCOUNT}:role/${role}`,
  context: { 'iam:PassedToService': service },
})

/** The tags of a resource as conditions know them: `aws:ResourceTag/…`, and the service's own name for it. */
export function resourceTags(services: string[], tags: Record<string, string>): Access['context'] {
  const keys = services.map((service) => `${service}:${service === 'ssm' ? 'r' : 'R'}esourceTag`)
  return Object.fromEntries(
    keys.flatMap((key) => Object.entries(tags).map(([name, value]) => [`${key}/${name}`, value])),
  )
}

/** The tags that a request sets. */
export function requestTags(tags: Record<string, string>): Access['context'] {
  return {
    'aws:TagKeys': Object.keys(tags),
    ...Object.fromEntries(
      Object.entries(tags).map(([name, value]) => [`aws:RequestTag/${name}`, value]),
    ),
  }
}
