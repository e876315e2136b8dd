/** What ministack does not support at all: SSM documents, MemoryDB, WAF logging. */
export type JsonActions = Record<string, (input: Input) => Answer | undefined>

interface Answer {
  [name: string]: unknown
}

interface Input extends Answer {
  Name?: string
  Tags?: unknown[]
}

/** Predefined parameters, and documents. */
export function ssm(parameters: Record<string, string>): JsonActions {
  const documents = new Map<string, Input>()
  const find = (input: Input) => documents.get(input.Name ?? '')
  const describe = (document: Input) => ({
    ...document,
    Content: undefined,
    Status: 'Active',
    DocumentVersion: '1',
    DefaultVersion: '1',
    LatestVersion: '1',
    Hash: 'hash',
    HashType: 'Sha256',
    Owner: '000000000000',
    CreatedDate: 1_700_000_000,
    PlatformTypes: ['Linux'],
    Parameters: [],
  })
  return {
    'AmazonSSM.GetParameter': ({ Name = '' }) => ({
      Parameter: {
        Name,
        Type: 'SecureString',
        Value: parameters[Name],
        Version: 1,
        DataType: 'text',
        ARN: `arn:aws:ssm:eu-west-1:000000000000:parameter${Name}`,
      },
    }),
    'AmazonSSM.CreateDocument': (input) => {
      documents.set(input.Name ?? '', input)
      return { DocumentDescription: describe(input) }
    },
    'AmazonSSM.DeleteDocument': ({ Name = '' }) => {
      documents.delete(Name)
      return {}
    },
    'AmazonSSM.DescribeDocument': (input) => {
      const document = find(input)
      return document
        ? { Document: describe(document) }
        : { __type: 'InvalidDocument', message: 'The document does not exist.' }
    },
    'AmazonSSM.GetDocument': find,
    'AmazonSSM.DescribeDocumentPermission': () => ({ AccountIds: [] }),
    'AmazonSSM.ListTagsForResource': ({ ResourceId }) => ({
      TagList: documents.get(ResourceId as string)?.Tags ?? [],
    }),
  }
}

const KINDS = [
  { kind: 'SubnetGroup', plural: 'SubnetGroups', key: 'SubnetGroupName', status: undefined },
  { kind: 'User', plural: 'Users', key: 'UserName', status: 'active' },
  { kind: 'ACL', plural: 'ACLs', key: 'ACLName', status: 'active' },
  { kind: 'Cluster', plural: 'Clusters', key: 'ClusterName', status: 'available' },
]

/** A store whose resources are available as soon as they are created, and gone as soon as they are deleted. */
export function memorydb(): JsonActions {
  const things = new Map<string, Answer>()
  const tags = new Map<unknown, unknown>()
  const actions: JsonActions = {
    'AmazonMemoryDB.ListTags': ({ ResourceArn }) => ({ TagList: tags.get(ResourceArn) ?? [] }),
  }
  for (const { kind, plural, key, status } of KINDS) {
    actions[`AmazonMemoryDB.Create${kind}`] = (input) => {
      const Name = input[key]
      const ARN = `arn:aws:memorydb:eu-west-1:000000000000:${kind.toLowerCase()}/${Name}`
      const thing = { ...input, ...inAnswersOnly(input), Name, ARN, Status: status }
      things.set(`${kind} ${Name}`, thing)
      tags.set(ARN, input.Tags)
      return { [kind]: thing }
    }
    actions[`AmazonMemoryDB.Describe${plural}`] = (input) => {
      const thing = things.get(`${kind} ${input[key]}`)
      return thing ? { [plural]: [thing] } : { __type: `${kind}NotFoundFault` }
    }
    actions[`AmazonMemoryDB.Delete${kind}`] = (input) => {
      const thing = things.get(`${kind} ${input[key]}`)
      things.delete(`${kind} ${input[key]}`)
      return { [kind]: thing }
    }
  }
  return actions
}

/** The fields that a response has in another form than the request. */
function inAnswersOnly(input: Input): Answer {
  const list = (name: string) => (input[name] ?? []) as string[]
  return {
    Authentication: { Type: 'password', PasswordCount: 1 },
    MinimumEngineVersion: '7.0',
    Subnets: list('SubnetIds').map((Identifier) => ({
      Identifier,
      AvailabilityZone: { Name: 'eu-west-1a' },
    })),
    SecurityGroups: list('SecurityGroupIds').map((SecurityGroupId) => ({
      SecurityGroupId,
      Status: 'active',
    })),
    ClusterEndpoint: { Address: `clustercfg.${input.ClusterName}.example`, Port: 6379 },
    NumberOfShards: Number(input.NumShards ?? 1),
    Shards: [
      {
        Name: '0001',
        Status: 'available',
        NumberOfNodes: Number(input.NumReplicasPerShard ?? 0) + 1,
        Nodes: [],
      },
    ],
    EnginePatchVersion: '7.2.6',
    ParameterGroupName: 'default.memorydb-valkey7',
    AutoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? true,
    DataTiering: 'false',
    SnsTopicStatus: 'ACTIVE',
  }
}

export function firewallLogging(): JsonActions {
  let LoggingConfiguration: unknown
  const described = () =>
    LoggingConfiguration ? { LoggingConfiguration } : { __type: 'WAFNonexistentItemException' }
  return {
    'AWSWAF_20190729.PutLoggingConfiguration': (input) => {
      LoggingConfiguration = input.LoggingConfiguration
      return described()
    },
    'AWSWAF_20190729.GetLoggingConfiguration': described,
    'AWSWAF_20190729.DeleteLoggingConfiguration': () => {
      LoggingConfiguration = undefined
      return {}
    },
  }
}
