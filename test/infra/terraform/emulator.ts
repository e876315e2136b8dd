import type { Subprocess } from 'bun'
import { end, eventually, freePort } from '../../support/process.ts'
import { completedAnswers } from './completed.ts'
import { answerXml, parseQuery } from './query.ts'
import { alarms, autoScaling, type QueryActions } from './remembered.ts'
import { pythonTool } from './tools.ts'

const MINISTACK = '1.5.33'

type Answer = Record<string, unknown>
type Body = Record<string, never> & Record<string, string> & { Tags?: unknown[] }

/** An emulator of AWS for the Terraform provider: ministack, and here what that lacks. */
export interface Emulator extends AsyncDisposable {
  url: string
}

export async function startEmulator(parameters: Record<string, string>): Promise<Emulator> {
  const command = await pythonTool('ministack', MINISTACK)
  const port = freePort()
  const ministack = Bun.spawn([command], {
    env: { ...process.env, GATEWAY_PORT: String(port), BIND_HOST: '127.0.0.1' },
    stdout: 'ignore',
    stderr: 'ignore',
  })
  const behind = `http://127.0.0.1:${port}`
  await eventually('ministack answers', async () => (await fetch(behind)).status > 0, {
    withinMs: 60_000,
  })
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 60,
    fetch: stand(behind, parameters),
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => stop(server, ministack),
  }
}

async function stop(server: Bun.Server<undefined>, ministack: Subprocess): Promise<void> {
  await server.stop(true)
  await end(ministack)
}

/** Answers what ministack does not know, and passes everything else on. */
function stand(behind: string, parameters: Record<string, string>) {
  const own = { ...ssm(parameters), ...memorydb(), ...firewallLogging() }
  const remembered: Record<string, QueryActions> = { autoscaling: autoScaling(), monitoring: alarms() }
  const complete = completedAnswers()
  return async (request: Request): Promise<Response> => {
    const url = new URL(request.url)
    const body = await request.arrayBuffer()
    const action = own[request.headers.get('x-amz-target') ?? '']
    if (action) {
      const input = JSON.parse(new TextDecoder().decode(body)) as Body
      const answer = action(input)
      return answer ? json(answer) : json({ __type: 'ResourceNotFoundException' }, 400)
    }
    const text = new TextDecoder().decode(body)
    const service = /\/([a-z0-9]+)\/aws4_request/.exec(request.headers.get('authorization') ?? '')?.[1]
    if (service && service in remembered) {
      const query = parseQuery(text)
      const name = query.Action as string
      const answer = remembered[service]?.[name]?.(query)
      if (answer) return new Response(answerXml(name, answer), { headers: { 'content-type': 'text/xml' } })
    }
    const headers = new Headers(request.headers)
    headers.delete('accept-encoding')
    const answer = await fetch(behind + url.pathname + url.search, {
      method: request.method,
      headers,
      ...(body.byteLength > 0 && { body }),
    })
    if (service !== 'ec2') return answer
    return new Response(complete(text, await answer.text()), { status: answer.status, headers: { 'content-type': 'text/xml' } })
  }
}

const json = (answer: Answer, status = 200) =>
  new Response(JSON.stringify(answer), {
    status,
    headers: { 'content-type': 'application/x-amz-json-1.1' },
  })

type Actions = Record<string, (input: Body) => Answer | undefined>

/** Parameters that are there from the start, and documents. */
function ssm(parameters: Record<string, string>): Actions {
  const documents = new Map<string, Body>()
  const describe = ({ Name, DocumentType, DocumentFormat, TargetType, Tags }: Body) => ({
    Name,
    DocumentType,
    DocumentFormat,
    TargetType,
    Tags,
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
  const found = (name: string, answer: (document: Body) => Answer) => {
    const document = documents.get(name)
    return document && answer(document)
  }
  return {
    'AmazonSSM.GetParameter': ({ Name }) => ({
      Parameter: {
        Name,
        Type: 'SecureString',
        Value: parameters[Name as string],
        Version: 1,
        DataType: 'text',
        ARN: `arn:aws:ssm:::parameter${Name}`,
      },
    }),
    'AmazonSSM.CreateDocument': (input) => {
      documents.set(input.Name as string, input)
      return { DocumentDescription: describe(input) }
    },
    'AmazonSSM.DescribeDocument': ({ Name }) =>
      found(Name as string, (document) => ({ Document: describe(document) })),
    'AmazonSSM.GetDocument': ({ Name }) =>
      found(Name as string, ({ Content, DocumentType, DocumentFormat }) => ({
        Name,
        Content,
        DocumentType,
        DocumentFormat,
        DocumentVersion: '1',
        Status: 'Active',
      })),
    'AmazonSSM.DescribeDocumentPermission': () => ({ AccountIds: [] }),
    'AmazonSSM.ListTagsForResource': ({ ResourceId }) => ({
      TagList: documents.get(ResourceId as string)?.Tags ?? [],
    }),
  }
}

/** A store whose parts are there the moment they are asked for. */
function memorydb(): Actions {
  const kinds = {
    SubnetGroup: 'SubnetGroups',
    User: 'Users',
    ACL: 'ACLs',
    Cluster: 'Clusters',
  } as const
  const status = { SubnetGroup: undefined, User: 'active', ACL: 'active', Cluster: 'available' }
  const things = new Map<string, Answer>()
  const tags = new Map<string, unknown>()
  const actions: Actions = {
    'AmazonMemoryDB.ListTags': ({ ResourceArn }) => ({
      TagList: tags.get(ResourceArn as string) ?? [],
    }),
  }
  for (const [kind, plural] of Object.entries(kinds) as [keyof typeof kinds, string][]) {
    const name = (input: Body) => (input[`${kind}Name`] ?? input.UserName) as string
    actions[`AmazonMemoryDB.Create${kind}`] = (input) => {
      const ARN = `arn:aws:memorydb:eu-west-1:000000000000:${kind.toLowerCase()}/${name(input)}`
      const thing = {
        ...input,
        ...inTheAnswer(input),
        Name: name(input),
        ARN,
        Status: status[kind],
      }
      things.set(`${kind} ${name(input)}`, thing)
      tags.set(ARN, input.Tags)
      return { [kind]: thing }
    }
    actions[`AmazonMemoryDB.Describe${plural}`] = (input) => {
      const thing = things.get(`${kind} ${name(input)}`)
      return thing && { [plural]: [thing] }
    }
  }
  return actions
}

/** What an answer has in another form than the request. */
function inTheAnswer(input: Body): Answer {
  const nodes = Number(input.NumReplicasPerShard ?? 0) + 1
  return {
    Authentication: { Type: 'password', PasswordCount: 1 },
    MinimumEngineVersion: '7.0',
    Subnets: ((input.SubnetIds ?? []) as unknown as string[]).map((Identifier) => ({
      Identifier,
      AvailabilityZone: { Name: 'eu-west-1a' },
    })),
    SecurityGroups: ((input.SecurityGroupIds ?? []) as unknown as string[]).map(
      (SecurityGroupId) => ({ SecurityGroupId, Status: 'active' }),
    ),
    ClusterEndpoint: { Address: `clustercfg.${input.ClusterName}.example`, Port: 6379 },
    NumberOfShards: Number(input.NumShards ?? 1),
    Shards: [{ Name: '0001', Status: 'available', NumberOfNodes: nodes, Nodes: [] }],
    EnginePatchVersion: '7.2.6',
    ParameterGroupName: 'default.memorydb-valkey7',
    AutoMinorVersionUpgrade: true,
    DataTiering: 'false',
    SnsTopicStatus: 'ACTIVE',
  }
}

function firewallLogging(): Actions {
  let configuration: unknown
  return {
    'AWSWAF_20190729.PutLoggingConfiguration': ({ LoggingConfiguration }) => {
      configuration = LoggingConfiguration
      return { LoggingConfiguration: configuration }
    },
    'AWSWAF_20190729.GetLoggingConfiguration': () =>
      configuration ? { LoggingConfiguration: configuration } : undefined,
  }
}
