import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AutoScalingClient, CreateOrUpdateTagsCommand } from '@aws-sdk/client-auto-scaling'
import { root, service } from '../../../scripts/lib/service.ts'
import { ACCOUNT } from '../../lab/aws-double/names.ts'
import type { PolicyDocument } from '../../lab/iam/document.ts'
import { OPTIONAL, READS } from '../../lab/iam/provider-calls.ts'
import { type Attached, renderPolicies } from '../../lab/iam/render.ts'
import { type Ran, run } from '../../lab/support/command.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { Workspace } from '../../lab/support/terraform.ts'
import { type Emulator, startEmulator } from './emulator.ts'
import { emulatorOverride, findRealProvider } from './real-provider.ts'

/**
 * A policy without what differs by account, and without what means nothing: the order of keys and values, and whether a
 * single value is in a list, as the provider does not put it.
 */
function canonical(policy: PolicyDocument): string {
  const text = JSON.stringify(policy)
    .replaceAll('000000000000', ACCOUNT)
    .replaceAll(/:key\/[0-9a-f-]+/g, ':key/K')
    .replaceAll(/:vpc\/[\w-]+/g, ':vpc/V')
  return JSON.stringify(JSON.parse(text), (_, value) => {
    if (Array.isArray(value)) return value.length === 1 ? value[0] : value.sort()
    return typeof value === 'object' ? Object.fromEntries(Object.entries(value).sort()) : value
  })
}

// An apply takes more than a minute: the provider waits where AWS would take time.
setDefaultTimeout(400_000)

const PASSWORD = 'correct-horse-battery-staple'
const OLD = { release: '1'.repeat(40), ami_id: 'ami-11111111111111111' }
const NEW = { release: '2'.repeat(40), ami_id: 'ami-22222222222222222' }

const provider = findRealProvider()
if (provider) console.log(`applying with provider aws ${provider.version ?? 'of the registry'}`)
sayWhatIsLeftOut(
  'applying with the real provider',
  provider ? undefined : 'neither a local mirror nor the registry has it',
)

describe.skipIf(!provider)('with the real provider, against an emulator', () => {
  let emulator: Emulator
  let workspace: Workspace
  let applied: Ran
  let policies: Record<string, string>

  const bump = (to: typeof OLD) =>
    workspace.write('release.auto.tfvars.json', JSON.stringify({ ...to, history: [] }))
  const terraform = (...args: string[]) =>
    workspace.terraform([...args, '-no-color', '-input=false'])

  async function init(at: string): Promise<void> {
    const { code, output } = await workspace.terraform(['init', '-no-color', '-input=false'], at)
    if (code !== 0) throw new Error(output)
  }

  /** The roles' policies by name, as they would be sent to IAM. */
  async function applyBootstrap(): Promise<Record<string, string>> {
    const override = emulatorOverride(emulator.url, provider?.version)
    workspace.write('bootstrap/emulator_override.tf', override)
    await init('bootstrap')
    const targets = ['plan', 'deploy', 'rollback', 'bake', 'bake_agent'].map(
      (name) => `-target=aws_iam_role_policy.${name}`,
    )
    const apply = ['apply', '-auto-approve', '-var=repository=owner@1/name@2', ...targets]
    const { code, output } = await workspace.terraform(apply, 'bootstrap')
    if (code !== 0) throw new Error(output)
    return await policiesOf('bootstrap', 'aws_iam_role_policy')
  }

  /** The policies of a root's state by the names of their resources. */
  async function policiesOf(at: string, kind: string): Promise<Record<string, string>> {
    const state = await workspace.terraform(['show', '-json'], at)
    const { resources } = JSON.parse(state.output).values.root_module
    return Object.fromEntries(
      (resources as { type: string; address: string; values: { policy: string } }[])
        .filter(({ type }) => type === kind)
        .map(({ address, values }) => [address.replace(`${kind}.`, ''), values.policy]),
    )
  }

  /** The policies of a root's state by the names of what they are attached to. */
  async function attachedIn(at: string, kind: string): Promise<Attached> {
    const state = await workspace.terraform(['show', '-json'], at)
    const { resources } = JSON.parse(state.output).values.root_module
    const found: Attached = {}
    for (const { type, values } of resources) {
      if (type !== kind) continue
      const to = values.role ?? values.name
      found[to] = [...(found[to] ?? []), JSON.parse(values.policy)]
    }
    return found
  }

  beforeAll(async () => {
    emulator = await startEmulator({ [`/${service.name}/production/redis-password`]: PASSWORD })
    workspace = new Workspace({})
    if (provider?.cliConfiguration) {
      workspace.write('mirror.rc', provider.cliConfiguration)
      workspace.env.TF_CLI_CONFIG_FILE = join(workspace.module, 'mirror.rc')
    }
    workspace.write('emulator_override.tf', emulatorOverride(emulator.url, provider?.version))
    bump(OLD)
    await init('.')
    const bootstrapped = applyBootstrap()
    applied = await terraform('apply', '-auto-approve')
    policies = await bootstrapped
  })
  afterAll(async () => {
    workspace?.[Symbol.dispose]()
    await emulator?.[Symbol.asyncDispose]()
  })

  test('an apply succeeds, outputs the URL and warns about plain HTTP', () => {
    expect(applied.output).toContain('Apply complete!')
    expect(applied.output).toMatch(
      new RegExp(`url += "http://${service.name}-production.*:${service.port}"`),
    )
    expect(applied.output).toMatch(/warning += "Plain HTTP:/)
    expect(workspace.rollouts()).toHaveLength(1)
  })

  test('the bootstrap gives each role policies within the size limits of IAM and without wildcard actions', () => {
    expect(Object.keys(policies).sort()).toEqual(
      ['bake', 'bake_agent', 'deploy', 'plan["deploy"]', 'plan["plan"]', 'rollback'].sort(),
    )
    const sizeOf = (name: string) => policies[name]?.replaceAll(/\s/g, '').length ?? 0
    // IAM counts all inline policies of a role together.
    expect(sizeOf('plan["deploy"]') + sizeOf('deploy')).toBeLessThan(10_240)
    expect(sizeOf('bake')).toBeLessThan(10_240)
    for (const [name, policy] of Object.entries(policies)) {
      const actions = JSON.parse(policy).Statement.flatMap(
        ({ Action }: { Action: string[] }) => Action,
      )
      expect(actions.length, name).toBeGreaterThan(5)
      for (const action of actions) expect(action, name).not.toContain('*')
    }
  })

  test('the policies that roles are simulated with are those that the provider writes', async () => {
    const rendered = await renderPolicies('production')
    const written = await Promise.all([
      attachedIn('.', 'aws_iam_role_policy'),
      attachedIn('.', 'aws_iam_policy'),
      attachedIn('bootstrap', 'aws_iam_role_policy'),
    ])
    const texts = (policies: PolicyDocument[]) => policies.map(canonical).sort()
    for (const [to, policies] of written.flatMap((each) => Object.entries(each))) {
      expect(texts(policies), to).toEqual(texts(rendered[to] ?? []))
    }
    expect(Object.keys(Object.assign({}, ...written)).sort()).toEqual(Object.keys(rendered).sort())
  })

  test('the policies for people are within the limit of a managed policy', async () => {
    for (const policies of Object.values(await attachedIn('.', 'aws_iam_policy'))) {
      expect(JSON.stringify(policies[0]).length).toBeLessThan(6_144)
    }
  })

  test('an apply does not print the store password', () => {
    expect(applied.output).toContain('(sensitive value)')
    expect(applied.output).not.toContain(PASSWORD)
  })

  test('a second plan is empty, even after a rolled-back release was tagged on the group', async () => {
    const autoScaling = new AutoScalingClient({
      endpoint: emulator.url,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    })
    await autoScaling.send(
      new CreateOrUpdateTagsCommand({
        Tags: [
          {
            ResourceId: `${service.name}-production`,
            ResourceType: 'auto-scaling-group',
            Key: 'rolled-back-release',
            Value: NEW.release,
            PropagateAtLaunch: false,
          },
        ],
      }),
    )
    autoScaling.destroy()
    emulator.calls.clear()
    const { code, output } = await terraform('plan', '-detailed-exitcode')
    expect(output).toContain('No changes.')
    expect(code).toBe(0)
  })

  test('that plan made no call but those that the roles are tested with', () => {
    const known = [...Object.values(READS).flatMap(({ calls }) => calls), ...OPTIONAL]
    expect(emulator.calls.size).toBeGreaterThan(60)
    expect([...emulator.calls].filter((call) => !known.includes(call))).toEqual([])
  })

  test('a bump changes the launch template and replaces the rollout; a failed rollout is retried', async () => {
    bump(NEW)
    const planned = await terraform('plan')
    expect(planned.output).toContain('Plan: 1 to add, 1 to change, 1 to destroy.')
    expect(planned.output).toContain('1 -> (known after apply)')
    const read = new Set(emulator.calls)

    workspace.rolloutsEndWith(3)
    const failed = await terraform('apply', '-auto-approve', '-refresh=false')
    expect(failed.code).toBe(1)
    expect(failed.output).toContain('exit status 3')
    expect(workspace.rollouts().at(-1)).toContain(
      `--launch-template-version 2 --release ${NEW.release}`,
    )
    expect([...emulator.calls.difference(read)]).toEqual(['ec2:CreateLaunchTemplateVersion'])

    workspace.rolloutsEndWith(0)
    const again = await terraform('plan', '-refresh=false')
    expect(again.output).toContain('terraform_data.rollout is tainted')
    expect(again.output).toContain('Plan: 1 to add, 0 to change, 1 to destroy.')
  })

  test('the commands of the README tear everything down but the key of the final snapshot', async () => {
    const readme = readFileSync(join(root, 'terraform/README.md'), 'utf8')
    const [, section = ''] = readme.split('\n## Tear down\n')
    const commands = /```sh\n(.*?)```/s.exec(section)?.[1] as string
    emulator.calls.clear()
    const env = {
      ...process.env,
      ...workspace.env,
      NO_COLOR: '1',
      TF_CLI_ARGS_apply: '-auto-approve -input=false',
      TF_CLI_ARGS_destroy: '-auto-approve -input=false',
    }
    const { code, output } = await run(['bash', '-euc', commands], { cwd: workspace.path, env })
    expect(output).toMatch(/Destroy complete! Resources: \d{2,} destroyed\./)
    expect(code).toBe(0)
    expect((await workspace.terraform(['show', '-no-color'])).output).toContain(
      'The state file is empty.',
    )
    expect(emulator.calls).toContain('memorydb:DeleteCluster')
    expect(emulator.calls).not.toContain('kms:ScheduleKeyDeletion')
    expect(existsSync(join(workspace.module, 'teardown_override.tf'))).toBe(false)
    // The provider waits five minutes before it asks whether the store is gone.
  }, 900_000)
})
