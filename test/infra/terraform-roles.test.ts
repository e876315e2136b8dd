import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './terraform/workspace.ts'

const PREFIXES: Record<string, string> = {
  'auto-scaling': 'autoscaling',
  cloudwatch: 'cloudwatch',
  ec2: 'ec2',
  'elastic-load-balancing-v2': 'elasticloadbalancing',
  ssm: 'ssm',
}

const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** The actions of AWS that the files of a folder call, as a policy names them. */
function calledIn(...folders: string[]): string[] {
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => read(join(folder, name))),
  )
  const actions = files.flatMap((text) =>
    [...text.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-([\w-]+)'/g)].flatMap(
      ([, names = '', client = '']) =>
        [...names.matchAll(/(\w+)Command\b/g)].map(([, name]) => [PREFIXES[client], name] as const),
    ),
  )
  return [...new Set(actions.filter(([prefix]) => prefix).map((action) => action.join(':')))]
}

/** The text of one policy document. */
function policy(file: string, name: string): string {
  const [, after = ''] = read(file).split(`data "aws_iam_policy_document" "${name}" {`)
  return after.split(/^\}/m)[0] ?? ''
}

describe('the roles', () => {
  test('let people on duty do all that scripts/ops does', () => {
    const allowed = policy('terraform/roles.tf', 'operator')
    const called = calledIn('scripts/lib/ops')
    expect(called.length).toBeGreaterThan(4)
    for (const action of called) expect(allowed).toContain(`"${action}"`)
  })

  test('let a deploy do all that scripts/deploy and scripts/rollout do', () => {
    const allowed =
      policy('terraform/bootstrap/plan.tf', 'plan') +
      policy('terraform/bootstrap/deploy.tf', 'deploy')
    const called = calledIn('scripts/lib/deploy', 'scripts/lib/rollout')
    expect(called.length).toBeGreaterThan(10)
    for (const action of called) expect(allowed).toContain(`"${action}"`)
  })

  test('let a plan change nothing', () => {
    const actions = policy('terraform/bootstrap/plan.tf', 'plan').match(/"[a-z0-9-]+:\w+"/g) ?? []
    expect(actions.length).toBeGreaterThan(50)
    const changing = actions.filter((action) => !/:(Describe|Get|List|Decrypt)/.test(action))
    // The lock beside the state, and the key that encrypts it.
    expect(changing.sort()).toEqual([
      '"kms:GenerateDataKey"',
      '"s3:DeleteObject"',
      '"s3:PutObject"',
    ])
  })

  test('let an instance read its two secrets, and no other parameter', () => {
    const allowed = policy('terraform/roles.tf', 'instance')
    expect(allowed.match(/ssm:GetParameter\w*/g)).toEqual(['ssm:GetParameter'])
    expect(allowed).toMatch(/actions += \["ssm:GetParameter"\]\s+resources = local\.parameter_arns/)
    expect(read('terraform/roles.tf')).not.toContain('policy/AmazonSSMManagedInstanceCore')
  })
})
