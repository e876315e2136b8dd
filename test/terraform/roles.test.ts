import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { TAG } from '../../scripts/lib/aws/tags.ts'
import { root } from '../../scripts/lib/paths.ts'

const PREFIXES: Record<string, string> = {
  'auto-scaling': 'autoscaling',
  cloudwatch: 'cloudwatch',
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
          [...names.matchAll(/(\w+)Command\b|\bpaginate(\w+)/g)].map(
            ([, one, paged]) => [PREFIXES[client], one ?? paged] as const,
          ),
      ),
    )
  return [...new Set(actions.filter(([prefix]) => prefix).map((action) => action.join(':')))]
}

/** What bootstrap and the root module give to those who roll back. */
const ROLLOUT = ['terraform/rollout-policy/main.tf', 'rollout'] as const

/** The text of one policy document. */
function policy(file: string, name: string): string {
  const [, after = ''] = read(file).split(`data "aws_iam_policy_document" "${name}" {`)
  return after.split(/^\}/m)[0] ?? ''
}

interface Statement {
  actions: string
  resources: string
  /** What a dynamic condition repeats for. */
  forEach: string
  /** Values by "test variable". */
  conditions: Record<string, string>
}

/** The statements of a policy document by sid, as written. */
function statements(file: string, name: string): Record<string, Statement> {
  const blocks = policy(file, name)
    .split(/^ {2}statement \{$/m)
    .slice(1)
  const attribute = (text: string, key: string) =>
    new RegExp(
      `^ *${key} *= (.*?)(?=^ *\\w+ *= |^ *condition \\{|^ *(?:content|dynamic) |^ *\\}$|(?![^]))`,
      'ms',
    )
      .exec(text)?.[1]
      ?.replaceAll(/\s+/g, ' ')
      .trim() ?? ''
  return Object.fromEntries(
    blocks.map((block) => {
      const conditions = [...block.matchAll(/^ *(?:condition|content) \{(.*?)^ *\}/gms)].map(
        ([, body = '']) => [
          `${attribute(body, 'test')} ${attribute(body, 'variable')}`.replaceAll('"', ''),
          attribute(body, 'values'),
        ],
      )
      const statement = {
        actions: attribute(block, 'actions'),
        resources: attribute(block, 'resources'),
        forEach: attribute(block, 'for_each'),
        conditions: Object.fromEntries(conditions),
      }
      return [attribute(block, 'sid').replaceAll('"', ''), statement]
    }),
  )
}

/** The statements that allow an action. */
const allowing = (file: string, name: string, action: string) =>
  Object.values(statements(file, name)).filter(({ actions }) => actions.includes(`"${action}"`))

describe('the roles', () => {
  test('let operators do everything that scripts/ops does', () => {
    const allowed = policy('terraform/roles.tf', 'operator')
    const called = calledBy('ops')
    expect(called.length).toBeGreaterThan(4)
    for (const action of called) expect(allowed).toContain(`"${action}"`)
  })

  test('let a deploy do everything that scripts/deploy and scripts/rollout do', () => {
    const allowed =
      policy('terraform/bootstrap/plan.tf', 'plan') +
      policy('terraform/bootstrap/deploy.tf', 'deploy') +
      policy(...ROLLOUT)
    const called = calledBy('deploy', 'rollout')
    expect(called.length).toBeGreaterThan(10)
    for (const action of called) expect(allowed).toContain(`"${action}"`)
  })

  test('let those who roll back do exactly what scripts/rollout does, except look at alarms to start', () => {
    const allowed = Object.values(statements(...ROLLOUT)).flatMap(
      ({ actions }) => actions.match(/"\S+"/g) ?? [],
    )
    const called = calledBy('rollout').filter((action) => action !== 'cloudwatch:DescribeAlarms')
    // Auto Scaling asks for these in the name of whoever starts a refresh.
    const launch = ['ec2:CreateTags', 'ec2:RunInstances', 'iam:PassRole']
    expect([...new Set(allowed)].sort()).toEqual(
      [...called, ...launch].map((action) => `"${action}"`).sort(),
    )
  })

  test('let those who roll back change this group only, and its tags about rollouts', () => {
    const group = /^\["\$\{local\.arn\}:autoscaling:.*:autoScalingGroupName\/\$\{var\.name\}"\]$/
    const { Refresh, Mark } = statements(...ROLLOUT)
    expect(Refresh?.resources).toMatch(group)
    expect(Mark?.resources).toMatch(group)
    const keys = JSON.stringify([TAG.previous, TAG.rolledBack, TAG.operator]).replaceAll(',', ', ')
    expect(Mark?.conditions).toEqual({ 'ForAllValues:StringEquals aws:TagKeys': keys })
    expect(read('terraform/versions.tf')).toContain(`keys = ${keys}`)
  })

  test('let those who roll back run the documents that scripts/rollout collects evidence with, and no others', () => {
    const verbs = [...withImports('scripts/lib/commands/rollout.ts')].flatMap((file) =>
      [...read(file).matchAll(/\bverb: '(\w+)',/g)].map(([, verb]) => verb),
    )
    const [documents, instances, ...others] = allowing(...ROLLOUT, 'ssm:SendCommand')
    const named = documents?.resources.matchAll(/:document\/\$\{var\.name\}-([^"]+)"/g) ?? []
    expect([...named].map(([, verb]) => verb)).toEqual(verbs)
    expect(instances?.forEach).toBe('var.tags')
    expect(instances?.conditions).toEqual({
      'StringEquals ssm:resourceTag/${condition.key}': '[condition.value]',
    })
    expect(others).toEqual([])
  })

  test('are given that policy for this service and environment in both roots', () => {
    expect(read('terraform/roles.tf')).toContain('tags   = local.tags\n')
    expect(read('terraform/bootstrap/deploy.tf')).toMatch(
      /tags = \{\s+service += local\.service\s+environment = var\.environment\s+\}/,
    )
  })

  test('let a rollout launch only what a launch template of this service specifies', () => {
    const launches = allowing(...ROLLOUT, 'ec2:RunInstances')
    expect(launches).toHaveLength(3)
    for (const { resources, conditions, forEach } of launches) {
      if (resources.includes('launch-template/')) {
        expect(forEach).toBe('var.tags')
        expect(conditions).toEqual({
          'StringEquals ec2:ResourceTag/${condition.key}': '[condition.value]',
        })
      } else {
        expect(conditions['ArnLike ec2:LaunchTemplate']).toContain(':launch-template/*')
      }
      if (/image|security-group/.test(resources)) {
        expect(conditions['Bool ec2:IsLaunchTemplateResource']).toBe('["true"]')
      }
    }
    const [pass, ...others] = allowing(...ROLLOUT, 'iam:PassRole')
    expect(others).toEqual([])
    expect(pass?.resources).toMatch(/role\/\$\{var\.name\}-instance"\]$/)
    expect(pass?.conditions).toEqual({
      'StringEquals iam:PassedToService': '["ec2.amazonaws.com"]',
    })
  })

  test.each([ROLLOUT, ['terraform/bootstrap/bake.tf', 'bake'] as const])(
    'let %s tag only what it creates',
    (file, name) => {
      const tagging = allowing(file, name, 'ec2:CreateTags')
      expect(tagging.length).toBeGreaterThan(0)
      for (const { conditions } of tagging) {
        // An image and its snapshots get their tags last, and with them another name.
        if (conditions['StringLike ec2:ResourceTag/Name'] === '[local.unfinished]') continue
        expect(conditions['StringEquals ec2:CreateAction']).toMatch(
          /^\[("(CreateImage|CreateKeyPair|CreateSecurityGroup|RunInstances)"(, )?)+\]$/,
        )
      }
    },
  )

  test('let a bake change and remove only what is not finished, and what it makes is not', () => {
    const bake = 'terraform/bootstrap/bake.tf'
    for (const action of [
      'DeleteSnapshot',
      'DeregisterImage',
      'EnableImageDeprecation',
      'ModifyImageAttribute',
    ]) {
      const allowed = allowing(bake, 'bake', `ec2:${action}`)
      expect(allowed, action).toHaveLength(1)
      expect(allowed[0]?.conditions, action).toEqual({
        'StringLike ec2:ResourceTag/Name': '[local.unfinished]',
      })
    }
    const { TagAtCreation } = statements(bake, 'bake')
    expect(TagAtCreation?.conditions['StringLike aws:RequestTag/Name']).toBe('[local.unfinished]')
    expect(TagAtCreation?.conditions['StringEquals ec2:CreateAction']).toContain('"CreateImage"')
    expect(read(bake)).toMatch(/unfinished += "packer \$\{local\.service\} \*"/)
    expect(read('packer/aws/source.pkr.hcl')).toMatch(
      /unfinished = "packer \$\{local\.service\} \$/,
    )
  })

  test('let operators drain: with each resource that AWS checks, and a role for SSM only', () => {
    const [start] = allowing('terraform/roles.tf', 'operator', 'ssm:StartAutomationExecution')
    expect(start?.resources).toContain('aws_ssm_document.automation : document.arn')
    expect(start?.resources).toMatch(/:automation-definition\/\$\{document\.name\}:\*"/)
    expect(start?.resources).toContain(':automation-execution/*')
    const [pass] = allowing('terraform/roles.tf', 'operator', 'iam:PassRole')
    expect(pass?.resources).toBe('[aws_iam_role.automation.arn]')
    expect(pass?.conditions).toEqual({
      'StringEquals iam:PassedToService': '["ssm.amazonaws.com"]',
    })
  })

  test.each([
    ['terraform/roles.tf', 'shell'],
    ['terraform/bootstrap/bake.tf', 'bake'],
  ])('let those with a session open it and end their own, in %s %s', (file, name) => {
    const sessions = /^\["\S+:session\/\*"\]$/
    const [channel, ...others] = allowing(file, name, 'ssmmessages:OpenDataChannel')
    expect(others).toEqual([])
    expect(channel?.resources).toMatch(sessions)
    for (const { resources, conditions } of allowing(file, name, 'ssm:TerminateSession')) {
      expect(resources).toMatch(sessions)
      // The id of a session of an assumed role does not begin with aws:userid, but its tag has it.
      expect(conditions).toEqual({
        'StringEquals ssm:resourceTag/aws:ssmmessages:session-id': '["$${aws:userid}"]',
      })
    }
  })

  test('let a plan change nothing but the lock', () => {
    const actions = policy('terraform/bootstrap/plan.tf', 'plan').match(/"[a-z0-9-]+:\w+"/g) ?? []
    expect(actions.length).toBeGreaterThan(50)
    const changing = actions.filter((action) => !/:(Describe|Filter|Get|List|Decrypt)/.test(action))
    // The lock next to the state, and the key that encrypts it.
    expect(changing.sort()).toEqual([
      '"kms:GenerateDataKey"',
      '"s3:DeleteObject"',
      '"s3:PutObject"',
    ])
  })

  test('let a plan read the network interfaces of the endpoints, as provider 6 does', () => {
    expect(policy('terraform/bootstrap/plan.tf', 'plan')).toContain(
      '"ec2:DescribeNetworkInterfaces"',
    )
  })

  test('let an instance read its two secrets, and no other parameter', () => {
    const allowed = policy('terraform/roles.tf', 'instance')
    expect(allowed.match(/ssm:GetParameter\w*/g)).toEqual(['ssm:GetParameter'])
    expect(allowed).toMatch(/actions += \["ssm:GetParameter"\]\s+resources = local\.parameter_arns/)
    expect(read('terraform/roles.tf')).not.toContain('policy/AmazonSSMManagedInstanceCore')
  })
})
