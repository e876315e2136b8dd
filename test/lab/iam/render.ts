import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, service } from '../../../scripts/lib/service.ts'
import { ACCOUNT, REGION } from '../aws-double/names.ts'
import { providerEnvironment, Workspace } from '../support/terraform.ts'
import { type Document, type PolicyDocument, policyOf } from './document.ts'
/** The network that the rendered policy lets a bake launch in. */
export const BAKE_VPC = `arn:aws:ec2:${REGION}:${ACCOUNT}:vpc/vpc-0bake0000`
/** The key that encrypts the logs, the alarms and the store. */
const MAIN_KEY = `arn:aws:kms:${REGION}:${ACCOUNT}:key/11111111-1111-4111-8111-111111111111`
/** The key that encrypts the state. */
export const STATE_KEY = `arn:aws:kms:${REGION}:${ACCOUNT}:key/00000000-0000-4000-8000-000000000000`

/** Policies by who they are attached to: a role's name, or for a managed policy its own. */
export type Attached = Record<string, PolicyDocument[]>

/** There is no Terraform, or it has no provider that could be mocked; the message says why. */
export class NoProvider extends Error {}

/**
 * The policies of both roots for one environment, evaluated by Terraform. Its provider is mocked, so that neither an
 * account nor the real provider is needed; that the result is what the real one makes of it, apply.test.ts checks.
 * Throws Terraform's output if the configuration is wrong, as NoProvider if there is nothing to mock.
 */
export async function renderPolicies(environment: string): Promise<Attached> {
  const name = `${service.name}-${environment}`
  if (!Bun.which('terraform')) throw new NoProvider('terraform is not installed')
  const provider = await providerEnvironment().catch(({ message }) => {
    throw new NoProvider(message)
  })
  using workspace = new Workspace(provider)
  const [main, bootstrap] = await Promise.all([
    render(workspace, '.', environment, rootAnswers(name)),
    render(workspace, 'bootstrap', environment, bootstrapAnswers(name)),
  ])
  return { ...main, ...bootstrap }
}

const iam = (path: string) => `arn:aws:iam::${ACCOUNT}:${path}`

/** What AWS would answer when the resources that policies refer to are made, by address. */
function rootAnswers(name: string): Record<string, object> {
  const command = (verb: string): [string, object] => [
    `aws_ssm_document.command["${verb}"]`,
    { arn: `arn:aws:ssm:${REGION}:${ACCOUNT}:document/${name}-${verb}` },
  ]
  const logs = (kind: string): [string, object] => [
    `aws_cloudwatch_log_group.main["${kind}"]`,
    { arn: `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${logGroup(name, kind)}` },
  ]
  const role = (key: string): [string, object] => [
    `aws_iam_role.${key}`,
    { id: `${name}-${key.replace('_', '-')}`, arn: iam(`role/${name}-${key.replace('_', '-')}`) },
  ]
  return Object.fromEntries([
    ...['status', 'logs', 'restart', 'bundle', 'checksum', 'traffic', 'reload', 'compare'].map(
      command,
    ),
    ...['journal', 'flow'].map(logs),
    ...['instance', 'automation', 'runbook', 'flow_logs'].map(role),
    ['aws_kms_key.main', { arn: MAIN_KEY }],
  ])
}

/** A log group of the service, by its kind: journal or flow. */
export const logGroup = (name: string, kind: string): string =>
  `/${service.name}/${name.slice(service.name.length + 1)}/${kind}`

function bootstrapAnswers(name: string): Record<string, object> {
  const bucket = `${service.name}-state-${ACCOUNT}-${REGION}`
  const bake = `${service.name}-bake`
  const workflow = (key: string): [string, object] => [
    `aws_iam_role.github["${key}"]`,
    { id: `${name}-github-${key}` },
  ]
  return {
    'aws_s3_bucket.state': { id: bucket, arn: `arn:aws:s3:::${bucket}` },
    'aws_kms_key.state': { arn: STATE_KEY },
    'aws_iam_role.bake': { id: bake, arn: iam(`role/${bake}`) },
    'aws_iam_instance_profile.bake': { arn: iam(`instance-profile/${bake}`) },
    'data.aws_vpc.bake': { arn: BAKE_VPC },
    ...Object.fromEntries(['plan', 'bake', 'deploy', 'rollback'].map(workflow)),
  }
}

/** One root's attached policies. Each document's JSON is mocked with its name, which says where it is attached. */
async function render(
  workspace: Workspace,
  at: keyof typeof ROOTS,
  environment: string,
  answers: Record<string, object>,
): Promise<Attached> {
  const override = (target: string, values: object) => {
    const kind = /(^|\.)data\./.test(target) ? 'override_data' : 'override_resource'
    return `${kind} {\n  target = ${target}\n  values = ${JSON.stringify(values)}\n}\n`
  }
  const named = (address: string, key: string) => override(address, { json: JSON.stringify(key) })
  const { mocks, variables, kept } = ROOTS[at]
  const file = 'tests/rendered.tftest.hcl'
  workspace.write(
    join(at, file),
    [
      `mock_provider "aws" {\n  source = "${mocks}"\n}\n`,
      `variables {\n  environment = "${environment}"\n  region = "${REGION}"\n${variables}}\n`,
      ...documentsOf(at).map((key) => named(`data.aws_iam_policy_document.${key}`, key)),
      ...['rollout', 'launch'].map((key) =>
        named(`module.rollout_policy.data.aws_iam_policy_document.${key}`, key),
      ),
      ...Object.entries(answers).map(([target, values]) => override(target, values)),
      'run "applied" {\n}\n',
    ].join('\n'),
  )
  // After a test that applies, everything is destroyed, which the configuration prevents.
  for (const address of kept) {
    const [kind, name] = address.split('.')
    const lifecycle = 'lifecycle {\n    prevent_destroy = false\n  }'
    workspace.write(
      join(at, `${kind}_override.tf`),
      `resource "${kind}" "${name}" {\n  ${lifecycle}\n}\n`,
    )
  }
  const init = await workspace.terraform(['init', '-backend=false', '-no-color'], at)
  if (init.code !== 0) {
    const [, why = 'it does not say why'] = /Error: (.+)/.exec(init.output) ?? []
    throw new NoProvider(`Terraform cannot get the provider: ${why}`)
  }
  const test = await workspace.terraform(['test', '-json', '-verbose', `-filter=${file}`], at)
  if (test.code !== 0) throw new Error(test.output)
  return attached(stateIn(test.output))
}

const ROOTS = {
  '.': {
    mocks: './tests/mocks',
    variables: `  release = "${'1'.repeat(40)}"\n  ami_id = "ami-11111111111111111"\n`,
    kept: ['aws_memorydb_cluster.main', 'aws_elasticache_replication_group.main'],
  },
  bootstrap: {
    mocks: '../tests/mocks',
    variables: '  repository = "owner@1/name@2"\n',
    kept: ['aws_s3_bucket.state'],
  },
}

/** The policy documents of a root that are not repeated for something: those are about who may assume a role. */
function documentsOf(at: string): string[] {
  const folder = join(root, 'terraform', at)
  const text = readdirSync(folder)
    .filter((name) => name.endsWith('.tf'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n')
  const blocks = text.matchAll(/^data "aws_iam_policy_document" "(\w+)" \{\n(.*)$/gm)
  return [...blocks].flatMap(([, key = '', first]) => (first?.includes('for_each') ? [] : key))
}

interface Module {
  resources: { type: string; name: string; values: object }[]
  child_modules?: Module[]
}

function stateIn(output: string): Module {
  const line = output.split('\n').find((each) => each.includes('"type":"test_state"'))
  if (!line) throw new Error(`terraform test printed no state:\n${output}`)
  return JSON.parse(line).test_state.root_module
}

function attached(module: Module): Attached {
  const all = [module, ...(module.child_modules ?? [])].flatMap(({ resources }) => resources)
  const documents: Record<string, Document> = {}
  for (const { type, name, values } of all) {
    if (type === 'aws_iam_policy_document') documents[name] = values as Document
  }
  const found: Attached = {}
  for (const { type, values } of all) {
    if (type !== 'aws_iam_role_policy' && type !== 'aws_iam_policy') continue
    const { policy, role, name } = values as { policy: string; role?: string; name: string }
    const to = role ?? name
    found[to] = [...(found[to] ?? []), policyOf(JSON.parse(policy), documents)]
  }
  return found
}
