import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { TAG } from '../../../scripts/lib/fleet/tags.ts'
import { root, service } from '../../../scripts/lib/service.ts'
import { type Access, launch } from '../../lab/aws-double/access.ts'
import type { ControlPlane } from '../../lab/aws-double/control-plane.ts'
import { ACCOUNT, arn, groupArn } from '../../lab/aws-double/names.ts'
import { ask, ec2, has, sets } from '../../lab/iam/ask.ts'
import { accessLevelOf, resourcesOf } from '../../lab/iam/catalogue.ts'
import type { PolicyDocument } from '../../lab/iam/document.ts'
import { BAKE, STATEMENT } from '../../lab/iam/packer-calls.ts'
import { READS } from '../../lab/iam/provider-calls.ts'
import { STATE_KEY } from '../../lab/iam/render.ts'
import { type Role, rolesOf } from '../../lab/iam/roles.ts'

setDefaultTimeout(60_000)

const ENVIRONMENT = 'production'
const NAME = `${service.name}-${ENVIRONMENT}`
const TAGS = { service: service.name, environment: ENVIRONMENT }
const BUCKET = `arn:aws:s3:::${service.name}-state-${ACCOUNT}-eu-west-1`
const STATE = `${BUCKET}/${NAME}.tfstate`

const roles = await rolesOf(ENVIRONMENT)

/** Those of `asked` that a role is refused. */
async function refused(role: Role, asked: Access[]): Promise<string[]> {
  const allowed = await Promise.all(asked.map((access) => roles[role].allows(access)))
  return asked
    .filter((_, index) => !allowed[index])
    .map((each) => `${each.action} ${each.resource}`)
}

const actionsOf = (policies: PolicyDocument[]): string[] =>
  [
    ...new Set(policies.flatMap(({ Statement }) => Statement.flatMap(({ Action = [] }) => Action))),
  ].sort()

const PREFIXES: Record<string, string> = {
  'auto-scaling': 'autoscaling',
  cloudwatch: 'cloudwatch',
  elasticache: 'elasticache',
  memorydb: 'memorydb',
  ec2: 'ec2',
  'elastic-load-balancing-v2': 'elasticloadbalancing',
  ssm: 'ssm',
}

const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** A file and everything it imports, directly or indirectly. */
function withImports(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path)) return found
  found.add(path)
  for (const [, name = ''] of read(path).matchAll(/ from '(\.[^']*\.ts)'/g)) {
    withImports(join(dirname(path), name), found)
  }
  return found
}

/** The AWS actions that a command may call, as a policy names them. */
function calledBy(...commands: string[]): string[] {
  const files = commands.flatMap((name) => [...withImports(`scripts/lib/commands/${name}.ts`)])
  const actions = files
    .map(read)
    .flatMap((text) =>
      [...text.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-([\w-]+)'/g)].flatMap(
        ([, names = '', client = '']) =>
          [...names.matchAll(/(\w+)Command\b(?: as \w+)?|\bpaginate(\w+)/g)].map(
            ([, one, paged]) => [PREFIXES[client], one ?? paged] as const,
          ),
      ),
    )
  return [...new Set(actions.filter(([prefix]) => prefix).map((action) => action.join(':')))]
}

const FREEZE = arn('ssm', `parameter/${service.name}/${ENVIRONMENT}/freeze`)

/** The calls of Terraform's backend (internal/backend/remote-state/s3), with a lock in S3 and a key. */
const STATE_READ = [
  ask('s3:ListBucket', BUCKET),
  ask('s3:GetObject', STATE),
  ask('s3:PutObject', `${STATE}.tflock`),
  ask('s3:GetObject', `${STATE}.tflock`),
  ask('s3:DeleteObject', `${STATE}.tflock`),
  ask('kms:Decrypt', STATE_KEY),
  ask('kms:GenerateDataKey', STATE_KEY),
]

describe('the roles', () => {
  test('give the workflow and people on duty the same rollback: what scripts/rollout calls but for a start, and the runbook its role', () => {
    // Only a start is refused during a freeze, and asks.
    const starting = [
      'cloudwatch:DescribeAlarms',
      'autoscaling:StartInstanceRefresh',
      'ssm:GetParameter',
    ]
    const called = calledBy('rollout').filter((action) => !starting.includes(action))
    const allowed = actionsOf(roles.rollback.policies)
    expect(allowed).toEqual([...called, 'iam:PassRole'].sort())
    expect(roles.onDuty.policies).toEqual(roles.rollback.policies)
  })

  test('let the runbook start a refresh to a version of the launch template, which needs a launch, and a deploy too', async () => {
    const versions = [{ imageId: 'ami-0123456789abcdef0', tags: { ...TAGS, release: 'x' } }]
    const plane = {
      template: { id: 'lt-0123456789abcdef0', tags: TAGS, versions },
      images: new Map(),
      group: { name: NAME },
    } as unknown as ControlPlane
    const start = ask('autoscaling:StartInstanceRefresh', groupArn(NAME), has(TAGS))
    const asked = [start, ...launch(plane, 1)] as Access[]
    expect(asked.length).toBeGreaterThan(9)
    expect(actionsOf(roles.runbook.policies)).toEqual(
      [...new Set(asked.map(({ action }) => action))].sort(),
    )
    for (const role of ['runbook', 'deploy'] as const)
      expect(await refused(role, asked)).toEqual([])
    expect(await refused('rollback', asked)).toHaveLength(asked.length)
  })

  test('give operators what scripts/ops, scripts/verify and scripts/rollout call, and the automation a role, but no more', () => {
    const allowed = actionsOf(roles.operator.policies)
    // Of a file that it reads marks with, and rollouts write them.
    const known = [
      ...allowed,
      ...['autoscaling:CreateOrUpdateTags', 'autoscaling:DeleteTags'],
      ...actionsOf(roles.backup.policies),
    ]
    // Of the other engine.
    expect(
      calledBy('ops').filter(
        (action) => !known.includes(action) && !action.startsWith('elasticache:'),
      ),
    ).toEqual([])
    const called = calledBy('ops', 'rollout', 'verify')
    // The freeze is set by hand, or in the console.
    const byHand = ['ssm:PutParameter', 'ssm:DeleteParameter']
    expect(allowed.filter((action) => ![...called, ...byHand].includes(action))).toEqual([
      'iam:PassRole',
    ])
  })

  test('give those who rotate secrets what scripts/secrets calls, and the values of no other parameter', async () => {
    const allowed = actionsOf(roles.secrets.policies)
    const called = calledBy('secrets')
    // Of the other engine.
    expect(called.filter((action) => !allowed.includes(action))).toEqual(['elasticache:ModifyUser'])
    const beside = allowed.filter((action) => !called.includes(action))
    expect(beside.filter((action) => !/:(Describe|Get)/.test(action))).toEqual([])
    const mine = ['redis-password', 'redis-password-next', 'secrets-lock', 'tokens']
    const on = (name: string, action: string) =>
      ask(action, arn('ssm', `parameter/${service.name}/${ENVIRONMENT}/${name}`))
    expect(
      await refused(
        'secrets',
        mine.flatMap((name) => [on(name, 'ssm:GetParameter'), on(name, 'ssm:PutParameter')]),
      ),
    ).toEqual([])
    expect(
      await refused('secrets', [
        on('freeze', 'ssm:PutParameter'),
        on('tokens', 'ssm:DeleteParameter'),
      ]),
    ).toHaveLength(2)
  })

  test('give a deploy what scripts/deploy and scripts/rollout call', () => {
    const allowed = actionsOf(roles.deploy.policies)
    const called = calledBy('deploy', 'rollout')
    expect(called.length).toBeGreaterThan(10)
    // Of a file that it reads statements with, and bakes and gc write them.
    const others = ['ssm:PutParameter', 'ssm:DeleteParameter']
    expect(called.filter((action) => ![...allowed, ...others].includes(action))).toEqual([])
  })

  test('let a deploy and its plan read the statement of who made an image, and whether deploys are frozen', async () => {
    const asked = [STATEMENT, FREEZE].map((each) => ask('ssm:GetParameter', each))
    for (const role of ['deploy', 'plan'] as const) expect(await refused(role, asked)).toEqual([])
  })

  test('let operators freeze deploys until a date, and thaw them', async () => {
    const asked = [
      ask('ssm:PutParameter', FREEZE, { 'ssm:Overwrite': 'true', 'ssm:Policies': '[]' }),
      ask('ssm:DeleteParameter', FREEZE),
    ]
    expect(await refused('operator', asked)).toEqual([])
  })

  test('let those who roll back set the tags about rollouts on this group, and those alone', async () => {
    const keys = [TAG.previous, TAG.rolledBack, TAG.operator]
    const tagging = (...names: string[]) =>
      ask('autoscaling:CreateOrUpdateTags', groupArn(NAME), {
        ...has(TAGS),
        ...sets(Object.fromEntries(names.map((name) => [name, 'x']))),
      })
    expect(
      await refused('rollback', [tagging(...keys), ...keys.map((key) => tagging(key))]),
    ).toEqual([])
    for (const other of [tagging('service'), tagging(...keys, 'environment')]) {
      expect(await roles.rollback.allows(other)).toBe(false)
    }
    const quoted = JSON.stringify(keys).replaceAll(',', ', ')
    expect(read('terraform/versions.tf')).toContain(`keys = ${quoted}`)
  })

  test('let those who roll back run the documents that scripts/rollout asks instances with, and no others', async () => {
    const verbs = [...withImports('scripts/lib/commands/rollout.ts')]
      .flatMap((file) => [...read(file).matchAll(/\bverb: '(\w+)',/g)].map(([, verb = '']) => verb))
      .filter((verb) => read(`terraform/documents/${verb}.yaml`).startsWith("schemaVersion: '2.2'"))
    const documents = readdirSync(join(root, 'terraform/documents')).map(
      (file) => file.split('.')[0],
    )
    const may = await Promise.all(
      documents.map((verb) =>
        roles.rollback.allows(ask('ssm:SendCommand', arn('ssm', `document/${NAME}-${verb}`))),
      ),
    )
    expect(verbs.length).toBeGreaterThan(0)
    expect(documents.filter((_, index) => may[index]).sort()).toEqual(
      [...new Set([...verbs, 'traffic'])].sort(),
    )
  })

  test('let a deploy do whatever a rollback may', () => {
    const statements = (role: Role) => roles[role].policies.flatMap(({ Statement }) => Statement)
    expect(statements('deploy')).toEqual(expect.arrayContaining(statements('rollback')))
  })

  test('let the flow log find its group and write to it', async () => {
    const stream = arn('logs', `log-group:/${service.name}/${ENVIRONMENT}/flow:log-stream:eni-0`)
    const writing = ['CreateLogStream', 'PutLogEvents'].map((verb) => ask(`logs:${verb}`, stream))
    const streams = ask('logs:DescribeLogStreams', stream.replace(/eni-0$/, ''))
    const groups = ask('logs:DescribeLogGroups')
    expect(await refused('flowLogs', [...writing, streams, groups])).toEqual([])
  })

  test('let the automation role do what the documents tell it to', async () => {
    const called = ['drain', 'undrain', 'replace', 'discard'].flatMap((verb) =>
      [...read(`terraform/documents/${verb}.yaml`).matchAll(/^ +Api: (\w+)$/gm)].map(
        ([, api]) => `autoscaling:${api}`,
      ),
    )
    expect(actionsOf(roles.automation.policies)).toEqual([...new Set(called)].sort())
    const asked = called.map((action) =>
      ask(action, action.includes('Describe') ? '*' : groupArn(NAME), has(TAGS)),
    )
    expect(await refused('automation', asked)).toEqual([])
  })

  test('let people with a shell open it on an instance of the service and end it', async () => {
    const session = arn('ssm', 'session/alice-0123456789abcdef0')
    const own = { 'ssm:resourceTag/aws:ssmmessages:session-id': roles.shell.userId }
    const asked = [
      ask('ssm:StartSession', ec2('instance/i'), has(TAGS)),
      ask('ssm:StartSession', arn('ssm', 'document/SSM-SessionManagerRunShell')),
      ask('ssmmessages:OpenDataChannel', session),
      ask('ssm:ResumeSession', session, own),
      ask('ssm:TerminateSession', session, own),
    ]
    expect(await refused('shell', asked)).toEqual([])
  })

  test('let an instance read its secrets and ship its journal', async () => {
    const secrets = ['redis-password', 'tokens'].map((name) =>
      ask('ssm:GetParameter', arn('ssm', `parameter/${service.name}/${ENVIRONMENT}/${name}`)),
    )
    const stream = arn('logs', `log-group:/${service.name}/${ENVIRONMENT}/journal:log-stream:i-0`)
    const logs = [
      ask('logs:CreateLogStream', stream),
      ask('logs:DescribeLogStreams', stream.replace(/i-0$/, '')),
      ask('logs:PutLogEvents', stream),
    ]
    expect(await refused('instance', [...secrets, ...logs])).toEqual([])
  })

  test.each(['instance', 'builder'] as const)('let the SSM agent of the %s work', async (role) => {
    const anywhere = [
      ...[
        'GetEndpoint',
        'GetMessages',
        'AcknowledgeMessage',
        'SendReply',
        'FailMessage',
        'DeleteMessage',
      ].map((verb) => `ec2messages:${verb}`),
      ...['CreateControlChannel', 'CreateDataChannel', 'OpenControlChannel', 'OpenDataChannel'].map(
        (verb) => `ssmmessages:${verb}`,
      ),
    ]
    const asked = await Promise.all(
      anywhere.map(async (action) =>
        (await resourcesOf(action, 'x')).map((each) => ask(action, each)),
      ),
    )
    const presence = ask('ssm:UpdateInstanceInformation', ec2('instance/i'))
    expect(await refused(role, [...asked.flat(), presence])).toEqual([])
  })
})

describe('Terraform', () => {
  const types = readdirSync(join(root, 'terraform'))
    .filter((file) => file.endsWith('.tf'))
    .flatMap((file) => [...read(`terraform/${file}`).matchAll(/^(?:resource|data) "(aws_\w+)"/gm)])
    .map(([, type = '']) => type)

  test('makes calls that are known, for everything in the configuration', () => {
    expect(types.length).toBeGreaterThan(80)
    expect([...new Set(types)].filter((type) => !READS[type])).toEqual([])
    expect(Object.keys(READS).filter((type) => !types.includes(type))).toEqual([])
  })

  /** What the provider asks for about something of the environment. */
  async function reading(): Promise<Access[]> {
    const names: Record<string, string> = {
      s3: `${NAME}-access-logs-${ACCOUNT}-eu-west-1`,
      ssm: `${service.name}/${ENVIRONMENT}/redis-password`,
    }
    const calls = [...new Set(Object.values(READS).flatMap(({ calls }) => calls))]
    const asked = calls.map(async (action) => {
      const resources = await resourcesOf(action, names[action.split(':')[0] ?? ''] ?? `${NAME}-x`)
      return resources.map((resource) => ask(action, resource))
    })
    return (await Promise.all(asked)).flat()
  }

  test.each(['plan', 'deploy'] as const)('is not refused anything as the role %s', async (role) => {
    const asked = [...STATE_READ, ...(await reading())]
    expect(asked.length).toBeGreaterThan(80)
    expect(await refused(role, asked)).toEqual([])
  })

  test('changes nothing but the lock as the role plan', async () => {
    const levels = await Promise.all(
      actionsOf(roles.plan.policies).map(async (action) => [action, await accessLevelOf(action)]),
    )
    expect(
      levels.filter(([, level]) => level !== 'Read' && level !== 'List').map(([action]) => action),
    ).toEqual([
      // The key of the state encrypts the lock, too.
      'kms:Decrypt',
      'kms:GenerateDataKey',
      's3:DeleteObject',
      's3:PutObject',
    ])
    expect(await refused('plan', [ask('s3:PutObject', STATE)])).toHaveLength(1)
  })

  test('can bump as the role deploy: a launch template version, and the state', async () => {
    const template = arn('ec2', 'launch-template/lt-0123456789abcdef0')
    const asked = [
      ask('ec2:CreateLaunchTemplateVersion', template, has(TAGS)),
      ask('s3:PutObject', STATE),
    ]
    expect(await refused('deploy', asked)).toEqual([])
    expect(await refused('plan', asked)).toHaveLength(2)
  })
})

describe('a bake', () => {
  test('is not refused any of its calls', async () => {
    expect(await refused('bake', BAKE)).toEqual([])
  })

  test('may change nothing but with those calls', async () => {
    const called = BAKE.map(({ action }) => action)
    const others = actionsOf(roles.bake.policies).filter((action) => !called.includes(action))
    const levels = await Promise.all(others.map(accessLevelOf))
    expect(others.filter((_, index) => !/^(Read|List)$/.test(levels[index] ?? ''))).toEqual([])
  })
})
