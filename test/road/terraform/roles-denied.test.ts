import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { service } from '../../../scripts/lib/service.ts'
import type { Access } from '../../lab/aws-double/access.ts'
import { ACCOUNT, arn, groupArn, REGION } from '../../lab/aws-double/names.ts'
import { ask, ec2, has, image, sets, snapshot } from '../../lab/iam/ask.ts'
import { STATEMENT, UNFINISHED } from '../../lab/iam/packer-calls.ts'
import { BAKE_VPC, STATE_KEY } from '../../lab/iam/render.ts'
import { type Role, rolesOf } from '../../lab/iam/roles.ts'

setDefaultTimeout(60_000)

const ENVIRONMENT = 'production'
const NAME = `${service.name}-${ENVIRONMENT}`
const TAGS = { service: service.name, environment: ENVIRONMENT }
/** What belongs to others in the same account. */
const FOREIGN = { Name: 'other', service: 'other', environment: ENVIRONMENT }
const STAGING = { service: service.name, environment: 'staging' }
const BUCKET = `arn:aws:s3:::${service.name}-state-${ACCOUNT}-${REGION}`
const SESSION = arn('ssm', 'session/mallory-0123456789abcdef0')
const TEMPLATE = arn('ec2', 'launch-template/lt-0123456789abcdef0')

const roles = await rolesOf(ENVIRONMENT)
const everybody = Object.keys(roles) as Role[]

const iam = (path: string) => `arn:aws:iam::${ACCOUNT}:${path}`
const role = (name: string) => iam(`role/${name}`)
const parameter = (name: string) => arn('ssm', `parameter/${name}`)
const passing = (name: string, to: string) =>
  ask('iam:PassRole', role(name), { 'iam:PassedToService': to })
const launching = (resource: string, context: Access['context']) =>
  ask('ec2:RunInstances', resource, context)

/** Fails with each request that is allowed. */
async function expectDenied(who: Role[], asked: Access[]): Promise<void> {
  const allowed = who.flatMap((each) =>
    asked.map(async (access) =>
      (await roles[each].allows(access)) ? `${each}: ${JSON.stringify(access)}` : [],
    ),
  )
  expect((await Promise.all(allowed)).flat()).toEqual([])
}

describe('nobody but administrators', () => {
  test.each(
    Object.entries({
      'gives themselves or others more permissions': [
        ask('iam:AttachRolePolicy', role(`${NAME}-github-deploy`)),
        ask('iam:PutRolePolicy', role(`${NAME}-instance`)),
        ask('iam:UpdateAssumeRolePolicy', role(`${NAME}-github-deploy`)),
        ask('iam:CreatePolicyVersion', iam(`policy/${NAME}-operator`)),
        ask('iam:CreateRole', role('mallory')),
        ask('iam:CreateUser', iam('user/mallory')),
        ask('iam:CreateAccessKey', iam('user/admin')),
        ask('sts:AssumeRole', role('administrator')),
        ask('sts:AssumeRole', role(`${NAME}-instance`)),
        passing('administrator', 'ec2.amazonaws.com'),
        passing('administrator', 'ssm.amazonaws.com'),
        passing(`${NAME}-instance`, 'lambda.amazonaws.com'),
        passing(`${NAME}-automation`, 'ec2.amazonaws.com'),
      ],
      'turns off logs, alarms or the firewall': [
        ask('logs:DeleteLogGroup', arn('logs', 'log-group:journal')),
        ask('logs:DeleteLogStream', arn('logs', 'log-group:journal:log-stream:i-0')),
        ask('logs:PutRetentionPolicy', arn('logs', 'log-group:journal')),
        ask('cloudtrail:StopLogging', arn('cloudtrail', 'trail/main')),
        ask('ec2:DeleteFlowLogs', ec2('vpc-flow-log/fl')),
        ask('wafv2:DeleteLoggingConfiguration', arn('wafv2', `regional/webacl/${NAME}/1`)),
        ask('wafv2:DisassociateWebACL', arn('elasticloadbalancing', `loadbalancer/app/${NAME}/1`)),
        ask(
          'elasticloadbalancing:ModifyLoadBalancerAttributes',
          arn('elasticloadbalancing', `loadbalancer/app/${NAME}/1`),
        ),
        ask('cloudwatch:DisableAlarmActions', arn('cloudwatch', `alarm:${NAME}-target-5xx`)),
        ask('cloudwatch:DeleteAlarms', arn('cloudwatch', `alarm:${NAME}-target-5xx`)),
        ask('cloudwatch:PutMetricAlarm', arn('cloudwatch', `alarm:${NAME}-target-5xx`)),
        ask('cloudwatch:SetAlarmState', arn('cloudwatch', `alarm:${NAME}-target-5xx`)),
        ask('events:DisableRule', arn('events', `rule/${NAME}-refresh`)),
        ask('sns:SetTopicAttributes', arn('sns', `${NAME}-alarms`)),
        ask('sns:Subscribe', arn('sns', `${NAME}-alarms`)),
        ask('s3:PutBucketLogging', BUCKET),
      ],
      'removes or exposes the state': [
        ask('s3:DeleteObject', `${BUCKET}/${NAME}.tfstate`),
        ask('s3:DeleteObjectVersion', `${BUCKET}/${NAME}.tfstate`),
        ask('s3:PutBucketPolicy', BUCKET),
        ask('s3:PutBucketVersioning', BUCKET),
        ask('s3:DeleteBucket', BUCKET),
        ask('s3:GetObject', `${BUCKET}/${service.name}-staging.tfstate`),
        ask('s3:PutObject', `${BUCKET}/${service.name}-staging.tfstate`),
        ask('kms:ScheduleKeyDeletion', STATE_KEY),
        ask('kms:DisableKey', STATE_KEY),
        ask('kms:PutKeyPolicy', STATE_KEY),
        ask('kms:CreateGrant', STATE_KEY),
      ],
      'removes the store or its users, or carries its data off': [
        ask('memorydb:CopySnapshot', arn('memorydb', 'snapshot/daily')),
        ask('memorydb:CreateSnapshot', arn('memorydb', `cluster/${service.name}-staging`)),
        ask('elasticache:CopySnapshot', arn('elasticache', 'snapshot:daily')),
        ask('memorydb:DeleteCluster', arn('memorydb', `cluster/${NAME}`)),
        ask('memorydb:DeleteSnapshot', arn('memorydb', 'snapshot/daily')),
        ask('memorydb:DeleteUser', arn('memorydb', `user/${NAME}`)),
        ask('memorydb:UpdateUser', arn('memorydb', `user/${service.name}-staging`)),
        ask('elasticache:DeleteReplicationGroup', arn('elasticache', `replicationgroup:${NAME}`)),
      ],
      'reads or writes another parameter': [
        ask('ssm:GetParameter', parameter(`other/${ENVIRONMENT}/password`)),
        ask('ssm:GetParameter', parameter(`${service.name}/staging/redis-password`)),
        ask('ssm:GetParametersByPath', parameter(service.name)),
        ask('ssm:PutParameter', parameter(`${service.name}/staging/tokens`)),
        ask('ssm:DeleteParameter', parameter(`${service.name}/${ENVIRONMENT}/redis-password`)),
      ],
      'replaces or deletes the statement of who made an image, or has it expire': [
        ask('ssm:PutParameter', STATEMENT, { 'ssm:Overwrite': 'true' }),
        ask('ssm:PutParameter', STATEMENT, { 'ssm:Overwrite': 'false', 'ssm:Policies': '[{}]' }),
        ask('ssm:DeleteParameter', STATEMENT),
      ],
      'runs what is not a document of the service': [
        ask('ssm:SendCommand', `arn:aws:ssm:${REGION}::document/AWS-RunShellScript`),
        ask('ssm:SendCommand', arn('ssm', 'document/other-bundle')),
        ask('ssm:StartAutomationExecution', arn('ssm', 'document/other-drain')),
        ask('ssm:CreateDocument', arn('ssm', `document/${NAME}-status`)),
        ask('ssm:UpdateDocument', arn('ssm', `document/${NAME}-status`)),
        ask('ssm:UpdateDocumentDefaultVersion', arn('ssm', `document/${NAME}-rollback`)),
        ask('ssm:ModifyDocumentPermission', arn('ssm', `document/${NAME}-rollback`)),
        ask('ssm:StartAutomationExecution', `arn:aws:ssm:${REGION}::document/AWS-RunPacker`),
        ask(
          'ssm:StartAutomationExecution',
          arn('ssm', `document/${service.name}-staging-rollback`),
        ),
        ask('ssm:CreateAssociation', arn('ssm', `document/${NAME}-restart`)),
        ask('ssm:StartSession', `arn:aws:ssm:${REGION}::document/AWS-StartSSHSession`),
        ask('ssm:UpdateDocument', arn('ssm', 'document/SSM-SessionManagerRunShell')),
      ],
      'reaches the instances of others': [FOREIGN, STAGING].flatMap((tags) => [
        ask('ssm:SendCommand', ec2('instance/i'), has(tags)),
        ask('ssm:StartSession', ec2('instance/i'), has(tags)),
        ask('ec2:TerminateInstances', ec2('instance/i'), has(tags)),
        ask('ec2:StopInstances', ec2('instance/i'), has(tags)),
        ask('ec2:ModifyInstanceAttribute', ec2('instance/i'), has(tags)),
        ask('ec2:CreateTags', ec2('instance/i'), { ...has(tags), ...sets(TAGS) }),
        ask('ec2:CreateImage', ec2('instance/i'), has(tags)),
      ]),
      'reaches the instances of the service by another way, or lends them another role': [
        ask('ec2-instance-connect:SendSSHPublicKey', ec2('instance/i'), has(TAGS)),
        ask('ec2-instance-connect:SendSerialConsoleSSHPublicKey', ec2('instance/i'), has(TAGS)),
        ask('ec2:GetConsoleOutput', ec2('instance/i'), has(TAGS)),
        ask('ec2:ModifyInstanceAttribute', ec2('instance/i'), has(TAGS)),
        ask('ec2:AssociateIamInstanceProfile', ec2('instance/i'), has(TAGS)),
        ask('ec2:AttachVolume', ec2('instance/i'), has(TAGS)),
        ask('ec2:CreateSnapshot', ec2('volume/vol'), has(TAGS)),
        ask('ssm:AddTagsToResource', ec2('instance/i'), has(TAGS)),
      ],
      'touches the sessions of others': ['ssm:TerminateSession', 'ssm:ResumeSession'].map(
        (action) =>
          ask(action, SESSION, {
            'ssm:resourceTag/aws:ssmmessages:session-id': 'AROA0123456789ABCDEFG:mallory',
          }),
      ),
      'changes the group itself, or that of others': [
        ask('autoscaling:DeleteAutoScalingGroup', groupArn(NAME), has(TAGS)),
        ask('autoscaling:UpdateAutoScalingGroup', groupArn(NAME), has(TAGS)),
        ask('autoscaling:SetDesiredCapacity', groupArn(NAME), has(TAGS)),
        ...[
          'StartInstanceRefresh',
          'RollbackInstanceRefresh',
          'SuspendProcesses',
          'EnterStandby',
          'SetInstanceHealth',
          'TerminateInstanceInAutoScalingGroup',
          'DeleteTags',
        ].map((verb) => ask(`autoscaling:${verb}`, groupArn('other'), has(TAGS))),
      ],
      'opens the network': [
        ask('ec2:AuthorizeSecurityGroupIngress', ec2('security-group/sg'), has(UNFINISHED)),
        ask('ec2:AuthorizeSecurityGroupEgress', ec2('security-group/sg'), has(TAGS)),
        ask('ec2:CreateRoute', ec2('route-table/rtb'), has(TAGS)),
        ask('ec2:ModifyVpcEndpoint', ec2('vpc-endpoint/vpce'), has(TAGS)),
      ],
      'publishes, shares, tags or removes an image that is finished or foreign': [
        FOREIGN,
        { Name: `${service.name} 111111111111`, service: service.name },
      ].flatMap((tags) => [
        ask('ec2:ModifyImageAttribute', image(), has(tags)),
        ask('ec2:ModifyImageAttribute', image(), {
          ...has(tags),
          'ec2:Attribute/Description': 'x',
        }),
        ask('ec2:ModifySnapshotAttribute', snapshot(), has(tags)),
        ask('ec2:CreateTags', image(), { ...has(tags), ...sets({ ...TAGS, release: 'x' }) }),
        ask('ec2:CreateTags', image(), { ...has(tags), ...sets(UNFINISHED) }),
        ask('ec2:DeregisterImage', image(), has(tags)),
        ask('ec2:DeleteSnapshot', snapshot(), has(tags)),
      ]),
    }),
  )('%s', async (_, asked) => await expectDenied(everybody, asked))
})

test('nobody but the automation that operators start ends an instance', async () => {
  await expectDenied(
    everybody.filter((each) => each !== 'automation'),
    ['SetInstanceHealth', 'TerminateInstanceInAutoScalingGroup'].map((verb) =>
      ask(`autoscaling:${verb}`, groupArn(NAME), has(TAGS)),
    ),
  )
})

test('nobody but who has the policy for secrets replaces one, and they open no user to whoever has no password', async () => {
  const changing = (mode: string) =>
    ask('memorydb:UpdateUser', arn('memorydb', `user/${NAME}`), {
      'memorydb:UserAuthenticationMode': mode,
    })
  await expectDenied(
    everybody.filter((each) => each !== 'secrets'),
    [
      changing('password'),
      ...['tokens', 'redis-password'].map((name) =>
        ask('ssm:PutParameter', parameter(`${service.name}/${ENVIRONMENT}/${name}`)),
      ),
    ],
  )
  await expectDenied(['secrets'], [changing('no-password-required'), changing('iam')])
})

test('only who backs up takes a snapshot, and removes no store but the copy, and logs in to none', async () => {
  await expectDenied(
    everybody.filter((each) => each !== 'backup'),
    [
      ask('memorydb:CreateSnapshot', arn('memorydb', `cluster/${NAME}`)),
      ask('memorydb:CreateCluster', arn('memorydb', 'snapshot/daily')),
    ],
  )
  expect(
    await roles.backup.allows(
      ask('memorydb:DeleteCluster', arn('memorydb', `cluster/${NAME}-copy`)),
    ),
  ).toBe(true)
  await expectDenied(
    ['backup'],
    [
      ask('memorydb:DeleteCluster', arn('memorydb', `cluster/${NAME}`)),
      ask('memorydb:DeleteSnapshot', arn('memorydb', 'snapshot/daily')),
      ask('memorydb:CopySnapshot', arn('memorydb', 'snapshot/daily')),
      ask('memorydb:CreateCluster', arn('memorydb', 'acl/open-access')),
      ask('memorydb:UpdateCluster', arn('memorydb', `cluster/${NAME}`)),
      ask('memorydb:UpdateUser', arn('memorydb', `user/${NAME}`)),
      ask('ssm:GetParameter', parameter(`${service.name}/${ENVIRONMENT}/redis-password`)),
      ask('ssm:SendCommand', arn('ssm', `document/${NAME}-restart`)),
    ],
  )
})

describe('a bake', () => {
  test.each(
    Object.entries({
      'does not publish or share its own image either': [
        ask('ec2:ModifyImageAttribute', image(), has(UNFINISHED)),
        ask('ec2:ModifySnapshotAttribute', snapshot(), {
          ...has(UNFINISHED),
          'ec2:Add/group': 'all',
        }),
        ask('ec2:CopyImage', image(), has(UNFINISHED)),
      ],
      'gives what it creates no other name, such as one that deploy goes by': [
        ...['instance/i', 'volume/vol'].map((kind) =>
          launching(ec2(kind), sets({ ...TAGS, Name: NAME })),
        ),
        ...[image(), snapshot(), ec2('instance/i')].map((resource) =>
          ask('ec2:CreateTags', resource, {
            ...sets({ ...TAGS, Name: NAME }),
            'ec2:CreateAction': 'CreateImage',
          }),
        ),
      ],
      'gives its instance no tags by which people reach those of the service': [
        launching(ec2('instance/i'), sets({ ...TAGS, ...UNFINISHED })),
        ask('ec2:CreateTags', ec2('instance/i'), {
          ...sets({ ...TAGS, ...UNFINISHED }),
          'ec2:CreateAction': 'RunInstances',
        }),
      ],
      'does not launch into the network of the service': [
        ask('ec2:CreateSecurityGroup', ec2('vpc/vpc')),
        ...['network-interface/eni', 'subnet/subnet'].map((kind) =>
          launching(ec2(kind), { ...sets(UNFINISHED), 'ec2:Vpc': ec2('vpc/vpc') }),
        ),
        launching(ec2('security-group/sg'), { ...has(TAGS), 'ec2:Vpc': BAKE_VPC }),
      ],
      'launches only what is from Amazon': [
        launching(image(), { 'ec2:Owner': ACCOUNT }),
        launching(image(), { 'ec2:Owner': '999999999999', 'ec2:Public': 'true' }),
      ],
      'passes no role but its builder’s': [
        passing(`${NAME}-instance`, 'ec2.amazonaws.com'),
        passing(`${service.name}-bake`, 'lambda.amazonaws.com'),
        ask('iam:AddRoleToInstanceProfile', iam(`instance-profile/${service.name}-bake`)),
      ],
      'opens no session on the service’s instances, and no shell': [
        ask('ssm:StartSession', ec2('instance/i'), has(TAGS)),
        ask('ssm:StartSession', `arn:aws:ssm:${REGION}::document/AWS-StartInteractiveCommand`),
      ],
      'reads no secrets and no state': [
        ask('ssm:GetParameter', parameter(`${service.name}/${ENVIRONMENT}/redis-password`)),
        ask('s3:GetObject', `${BUCKET}/${NAME}.tfstate`),
        ask('kms:Decrypt', STATE_KEY),
      ],
      'starts no refresh': [ask('autoscaling:StartInstanceRefresh', groupArn(NAME), has(TAGS))],
    }),
  )('%s', async (_, asked) => await expectDenied(['bake'], asked))
})

describe('people on duty', () => {
  const everyday: Role[] = ['rollback', 'onDuty', 'operator', 'secrets', 'backup', 'shell']
  const from = { 'ec2:LaunchTemplate': TEMPLATE, 'ec2:IsLaunchTemplateResource': 'true' }

  test.each(
    Object.entries({
      // With user data of their own they would be root, with the instances' role and in reach of the store.
      'launch nothing, not even from the template': [
        launching(TEMPLATE, has(TAGS)),
        launching(image(), { ...from, 'ec2:Owner': ACCOUNT }),
        launching(ec2('instance/i'), { ...from, ...sets(TAGS) }),
        ask('ec2:CreateTags', ec2('instance/i'), { 'ec2:CreateAction': 'RunInstances' }),
        ask('autoscaling:StartInstanceRefresh', groupArn(NAME), has(TAGS)),
      ],
      'pass the instances’ role to nothing, and a runbook’s to nothing but Systems Manager': [
        passing(`${NAME}-instance`, 'ec2.amazonaws.com'),
        passing(`${NAME}-runbook`, 'ec2.amazonaws.com'),
        passing(`${NAME}-runbook`, 'lambda.amazonaws.com'),
        ask('sts:AssumeRole', role(`${NAME}-runbook`)),
      ],
      'make no version of the template': [
        ask('ec2:CreateLaunchTemplateVersion', TEMPLATE, has(TAGS)),
        ask('ec2:ModifyLaunchTemplate', TEMPLATE, has(TAGS)),
      ],
    }),
  )('%s', async (_, asked) => await expectDenied(everyday, asked))

  test('start each only their own runbooks', async () => {
    const starting = (verb: string) => [
      ask('ssm:StartAutomationExecution', arn('ssm', `document/${NAME}-${verb}`)),
    ]
    await expectDenied(['operator', 'secrets', 'shell'], starting('rollback'))
    await expectDenied(['rollback', 'onDuty', 'secrets', 'shell'], starting('drain'))
    await expectDenied(['operator'], [passing(`${NAME}-runbook`, 'ssm.amazonaws.com')])
    await expectDenied(['rollback', 'onDuty'], [passing(`${NAME}-automation`, 'ssm.amazonaws.com')])
  })

  test('freeze nothing but deploys, and only operators do', async () => {
    const freeze = parameter(`${service.name}/${ENVIRONMENT}/freeze`)
    const others = everybody.filter((each) => each !== 'operator')
    await expectDenied(others, [
      ask('ssm:PutParameter', freeze, { 'ssm:Overwrite': 'false' }),
      ask('ssm:DeleteParameter', freeze),
    ])
    await expectDenied(
      ['operator'],
      ['redis-password', 'tokens', 'freeze/x'].map((name) =>
        ask('ssm:PutParameter', parameter(`${service.name}/${ENVIRONMENT}/${name}`)),
      ),
    )
  })
})

describe('a deploy and a rollback', () => {
  const both: Role[] = ['deploy', 'rollback', 'onDuty', 'runbook']
  const from = { 'ec2:LaunchTemplate': TEMPLATE }

  test.each(
    Object.entries({
      'launch from no template of others': [FOREIGN, STAGING].map((tags) =>
        launching(TEMPLATE, has(tags)),
      ),
      'launch nothing without a template': [
        launching(image(), { 'ec2:Owner': ACCOUNT }),
        launching(ec2('instance/i'), sets(TAGS)),
        launching(ec2('subnet/subnet'), {}),
      ],
      'override no image of the template': [
        launching(image(), { ...from, 'ec2:IsLaunchTemplateResource': 'false' }),
      ],
      'launch nothing in a network of others, whatever the template says': [
        {},
        has(FOREIGN),
        has(STAGING),
      ].flatMap((tags) =>
        ['security-group/sg', 'subnet/subnet'].map((kind) =>
          launching(ec2(kind), { ...from, ...tags, 'ec2:IsLaunchTemplateResource': 'true' }),
        ),
      ),
      'launch nothing that passes for an instance of others': [{}, FOREIGN, STAGING].flatMap(
        (tags) => [
          launching(ec2('instance/i'), { ...from, ...sets(tags) }),
          ask('ec2:CreateTags', ec2('instance/i'), {
            ...sets(tags),
            'ec2:CreateAction': 'RunInstances',
          }),
        ],
      ),
      'take no network interface, snapshot or key pair that is there': [
        launching(ec2('network-interface/eni'), { ...from, ...has(TAGS) }),
        launching(snapshot(), { ...from, ...has(TAGS) }),
        launching(ec2('key-pair/key'), { ...from, ...has(TAGS) }),
      ],
      'tag nothing but what they launch': [
        ask('ec2:CreateTags', ec2('instance/i'), { ...has(TAGS), ...sets(TAGS) }),
        ask('ec2:CreateTags', TEMPLATE, { ...has(FOREIGN), ...sets(TAGS) }),
      ],
      'pass no role but the instances’': [
        passing(`${NAME}-automation`, 'ec2.amazonaws.com'),
        passing(`${service.name}-bake`, 'ec2.amazonaws.com'),
        passing(`${service.name}-staging-instance`, 'ec2.amazonaws.com'),
      ],
      'suspend nothing and drain nothing': [
        ask('autoscaling:SuspendProcesses', groupArn(NAME), has(TAGS)),
        ask('autoscaling:EnterStandby', groupArn(NAME), has(TAGS)),
      ],
      'open no session': [ask('ssm:StartSession', ec2('instance/i'), has(TAGS))],
    }),
  )('%s', async (_, asked) => await expectDenied(both, asked))

  test('say of no image who made it', async () => {
    await expectDenied(
      [...both, 'plan'],
      [ask('ssm:PutParameter', STATEMENT, { 'ssm:Overwrite': 'false' })],
    )
  })

  test('a rollback makes no launch template version, and reads no state or secret', async () => {
    await expectDenied(
      ['rollback', 'onDuty', 'runbook'],
      [
        ask('ec2:CreateLaunchTemplateVersion', TEMPLATE, has(TAGS)),
        ask('s3:GetObject', `${BUCKET}/${NAME}.tfstate`),
        ask('ssm:GetParameter', parameter(`${service.name}/${ENVIRONMENT}/redis-password`)),
      ],
    )
  })

  test('a deploy makes a version of no other template, and deletes or shares none', async () => {
    await expectDenied(
      ['deploy'],
      [
        ask('ec2:CreateLaunchTemplateVersion', TEMPLATE, has(FOREIGN)),
        ask('ec2:ModifyLaunchTemplate', TEMPLATE, has(TAGS)),
        ask('ec2:DeleteLaunchTemplateVersions', TEMPLATE, has(TAGS)),
      ],
    )
  })

  test('a plan starts nothing', async () => {
    await expectDenied(
      ['plan'],
      [
        ask('autoscaling:StartInstanceRefresh', groupArn(NAME), has(TAGS)),
        ask('ec2:CreateLaunchTemplateVersion', TEMPLATE, has(TAGS)),
        launching(TEMPLATE, has(TAGS)),
        ask('ssm:SendCommand', ec2('instance/i'), has(TAGS)),
      ],
    )
  })
})

describe('people and machines', () => {
  test('an operator neither deploys nor gets a shell', async () => {
    await expectDenied(
      ['operator'],
      [
        ask('autoscaling:StartInstanceRefresh', groupArn(NAME), has(TAGS)),
        ask('ssm:StartSession', ec2('instance/i'), has(TAGS)),
        ask('autoscaling:EnterStandby', groupArn(NAME), has(TAGS)),
      ],
    )
  })

  test('with a shell alone, nobody runs documents or changes the group', async () => {
    await expectDenied(
      ['shell'],
      [
        ask('ssm:SendCommand', arn('ssm', `document/${NAME}-status`)),
        ask('autoscaling:SuspendProcesses', groupArn(NAME), has(TAGS)),
      ],
    )
  })

  test('a machine commands no other, and an instance writes no log but the journal', async () => {
    const machines: Role[] = ['instance', 'builder', 'automation']
    await expectDenied(machines, [
      ask('ssm:SendCommand', ec2('instance/i'), has(TAGS)),
      ask('ssm:StartSession', ec2('instance/i'), has(TAGS)),
      ask('ec2:DescribeInstances'),
      ask('logs:PutLogEvents', arn('logs', 'log-group:other:log-stream:x')),
      ask('s3:GetObject', `${BUCKET}/${NAME}.tfstate`),
      ask('autoscaling:StartInstanceRefresh', groupArn(NAME), has(TAGS)),
    ])
    await expectDenied(
      ['builder', 'automation', 'runbook'],
      [ask('ssm:GetParameter', parameter(`${service.name}/${ENVIRONMENT}/redis-password`))],
    )
  })
})
