import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, service } from '../../../scripts/lib/service.ts'
import type { Ran } from '../../lab/support/command.ts'
import { providerEnvironment, RECEIPT, Workspace } from '../../lab/support/terraform.ts'
import { watched } from '../deploy/fixtures/metrics.ts'

// The first run builds the provider.
setDefaultTimeout(300_000)

const folder = join(root, 'terraform')
const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const sources = ['', 'bootstrap/', 'rollout-policy/'].flatMap((at) =>
  readdirSync(join(folder, at))
    .filter((name) => name.endsWith('.tf'))
    .map((name) => ({ name: at + name, text: read(at + name) })),
)

const STORES = ['aws_memorydb_cluster', 'aws_elasticache_replication_group']

let workspace: Workspace
let plans: Ran
let bumps: Ran

beforeAll(async () => {
  workspace = new Workspace(await providerEnvironment())
  workspace.env[RECEIPT] = join(workspace.path, 'receipt.json')
  for (const at of ['.', 'bootstrap']) {
    const { code, output } = await workspace.terraform(['init', '-backend=false'], at)
    if (code !== 0) throw new Error(output)
  }
  plans = await workspace.terraform(['test', '-no-color', '-verbose'])
  // After a test that applies, everything is destroyed, which the configuration prevents.
  for (const store of STORES) {
    const override = `resource "${store}" "main" {\n  lifecycle {\n    prevent_destroy = false\n  }\n}\n`
    workspace.write(`${store}_override.tf`, override)
  }
  const name = 'tests/bump.tftest.hcl'
  workspace.write(name, readFileSync(join(import.meta.dir, 'bump.tftest.hcl'), 'utf8'))
  bumps = await workspace.terraform(['test', '-no-color', '-verbose', `-filter=${name}`])
})
afterAll(() => workspace[Symbol.dispose]())

/** What `terraform test -verbose` printed for one run of bump.tftest.hcl. */
function outputOf(run: string): string {
  const [, ofRun] = bumps.output.split(`  run "${run}"... pass`)
  if (ofRun === undefined) throw new Error(`no run "${run}" passed: ${bumps.output}`)
  return ofRun.split(/^ {2}run "|^tests\//m)[0] ?? ''
}

describe('the configuration', () => {
  test('is formatted', async () => {
    const { code, output } = await workspace.terraform(['fmt', '-check', '-recursive', folder])
    expect(output).toBe('')
    expect(code).toBe(0)
  })

  test.each(['.', 'bootstrap'])('is valid: %s', async (at) => {
    const { code, output } = await workspace.terraform(['validate', '-no-color'], at)
    expect(output).toContain('The configuration is valid')
    expect(code).toBe(0)
  })

  test('passes its own tests', async () => {
    expect(plans.output).toMatch(/Success! \d{2,} passed, 0 failed\./)
    expect(plans.code).toBe(0)
    const { output, code } = await workspace.terraform(['test', '-no-color'], 'bootstrap')
    expect(output).toMatch(/Success! \d+ passed, 0 failed\./)
    expect(code).toBe(0)
  })

  test('is only planned by its tests, which roll out nothing and leave no state', () => {
    const runs = ['tests', 'bootstrap/tests']
      .flatMap((at) => readdirSync(join(folder, at)).map((name) => `${at}/${name}`))
      .filter((path) => path.endsWith('.hcl'))
      .flatMap((path) => [...read(path).matchAll(/^run "(\w+)" \{\n(.*)$/gm)])
    expect(runs.length).toBeGreaterThan(30)
    for (const [, name, first] of runs) expect([name, first]).toEqual([name, '  command = plan'])
  })

  test('has a well-formed release file', () => {
    const file = JSON.parse(read('release.auto.tfvars.json'))
    expect(file.release).toMatch(/^[0-9a-f]{40}$/)
    expect(file.ami_id).toMatch(/^ami-[0-9a-f]{8,17}$/)
    expect(file.history).toBeArray()
  })

  test('has the alarms whose metrics the tests of scripts/doctor have', () => {
    const [, defaults = ''] = plans.output.split('  run "defaults"... pass')
    const body = defaults.split(/^ {2}run "/m)[0] ?? ''
    const told = (text: string, name: string) => new RegExp(`\\+ ${name} += "(.*)"`).exec(text)?.[1]
    const alarms = [
      ...body.matchAll(/^ {2}\+ resource "aws_cloudwatch_metric_alarm" .*?^ {4}\}$/gms),
    ].map(([text]) => {
      const [, dimensions = ''] = / \+ dimensions += \{(.*?)\}/s.exec(text) ?? []
      return [
        told(text, 'alarm_name'),
        told(text, 'namespace'),
        told(text, 'metric_name'),
        ...[...dimensions.matchAll(/"(\w+)" +=/g)].map(([, dimension]) => dimension),
      ]
    })
    const group = `${service.name}-mocked`
    const expected = Object.entries(watched(group)).map(([end, metric]) => [
      `${group}-${end}`,
      metric.namespace,
      metric.name,
      ...Object.keys(metric.dimensions),
    ])
    expect(alarms.sort()).toEqual(expected.sort())
  })

  test('never lets AWS choose a version or an image, and uses no key pair', () => {
    for (const { name, text } of sources) {
      const code = text.replaceAll(/^\s*#.*$/gm, '')
      expect(code, name).not.toMatch(/\$Latest|\$Default|key_name|resolve:ssm|most_recent/)
    }
  })

  test('has no ingress rule that allows port 22', () => {
    const rules = [
      ...plans.output.matchAll(
        /^ {2}\+ resource "aws_vpc_security_group_ingress_rule" "(\w+)" \{(.*?)^ {4}\}/gms,
      ),
    ]
    const declared = sources.flatMap(({ text }) => [
      ...text.matchAll(/^resource "aws_vpc_security_group_ingress_rule" "(\w+)"/gm),
    ])
    const names = new Set(rules.map(([, name]) => name))
    expect([...names].sort()).toEqual(declared.map(([, name]) => name).sort())
    for (const [, name = '', body = ''] of rules) {
      const [from, to] = ['from', 'to'].map((end) =>
        Number(new RegExp(`^ *\\+ ${end}_port *= (\\d+)$`, 'm').exec(body)?.[1] ?? Number.NaN),
      ) as [number, number]
      expect(body, name).toMatch(/^ *\+ ip_protocol *= "tcp"$/m)
      expect(from > 22 || to < 22, `${name}: ${from} to ${to}`).toBe(true)
    }
    for (const { name, text } of sources) expect(text, name).not.toMatch(/^ *ingress \{/m)
  })

  test.each([
    ['aws_lb.main', 'aws_internet_gateway.main'],
    ['aws_lb.main', 'aws_route.public'],
    ['aws_lb.main', 'aws_route_table_association.public'],
    ['aws_cloudwatch_metric_alarm.store_memory', 'aws_memorydb_cluster.main'],
    ['aws_flow_log.main', 'aws_iam_role_policy.flow_logs'],
    ['aws_vpc_endpoint.interface', 'data.aws_iam_policy_document.endpoints'],
  ])('makes %s only after %s, also with -target', async (resource, needed) => {
    const { output } = await workspace.terraform(['graph'])
    const edges = [...output.matchAll(/"(\S+)" -> "(\S+)"/g)]
    const reached = new Set([resource])
    for (const from of reached)
      for (const [, each, to = ''] of edges) if (each === from) reached.add(to)
    expect([...reached]).toContain(needed)
  })

  test('refuses to destroy a store', () => {
    for (const store of STORES) {
      const [, body = ''] = read('store.tf').split(`resource "${store}" "main" {`)
      expect(body.split(/^\}/m)[0], store).toMatch(/^ *prevent_destroy = true$/m)
    }
  })

  test('counts, and does not block, the large body that scripts/smoke sends', () => {
    const smoke = readFileSync(join(root, 'scripts/smoke'), 'utf8')
    const largest = Number(/head -c (\d+) \/dev\/zero/.exec(smoke)?.[1])
    // The limit of AWSManagedRulesCommonRuleSet.
    expect(largest).toBeGreaterThan(8192)
    expect(smoke).toMatch(/--data-binary .*\n *is_problem 413$/m)
    expect(read('firewall.tf')).toMatch(
      /Name = "SizeRestrictions_BODY", ActionToUse = \{ Count = \{\} \}/,
    )
  })

  test('allows no wildcard action, and gives a reason for each skipped check', () => {
    for (const { name, text } of sources) {
      for (const [, actions] of text.matchAll(/^ *actions *= *\[([^\]]*)\]/gm)) {
        // What its policy does not give to the account that owns the key, nobody there can be given.
        if (actions === '"kms:*"' && name === 'operations.tf') continue
        expect(actions, name).not.toContain('*')
      }
      for (const [line, reason] of text.matchAll(/checkov:skip=\w+(.*)/g)) {
        expect(reason?.length, `${name}: ${line}`).toBeGreaterThan(20)
      }
    }
  })

  test.each(['', 'bootstrap/'])('documents each input and output of %s in its README', (at) => {
    const readme = read(`${at}README.md`)
    const told = (name: string, ...cells: string[]) =>
      `| \`${[`${name}\``, ...cells].join(' | ')} |`
    for (const [, name = '', body = ''] of read(`${at}variables.tf`).matchAll(
      /^variable "(\w+)" \{(.*?)^\}/gms,
    )) {
      const text = /description += "(.*)"/.exec(body)?.[1] as string
      const value = /default += (.*)/.exec(body)?.[1]
      const cell = value === undefined ? 'required' : value === 'null' ? '—' : `\`${value}\``
      expect(readme).toContain(told(name, cell, text))
    }
    for (const [, name = '', text = ''] of read(`${at}outputs.tf`).matchAll(
      /^output "(\w+)" \{\s+description = "(.*)"/gm,
    )) {
      expect(readme).toContain(told(name, text))
    }
  })

  test('the small variant sets only variables that exist', () => {
    const names = [...read('small.tfvars').matchAll(/^(\w+) +=/gm)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(3)
    for (const name of names) expect(read('variables.tf')).toContain(`variable "${name}"`)
  })
})

describe('a bump', () => {
  test('updates the launch template and replaces the rollout, and nothing else', () => {
    const plan = outputOf('bump')
    expect(plan).toContain('Plan: 1 to add, 1 to change, 1 to destroy.')
    expect(plan).toContain('aws_launch_template.main will be updated in-place')
    expect(plan).toContain('terraform_data.rollout must be replaced')
  })

  test('of the same release plans nothing', () => {
    expect(outputOf('unchanged')).toMatch(/No changes\.|^\s*$/)
    expect(outputOf('unchanged')).not.toContain('Plan:')
  })

  test('of a release to retry replaces only the rollout', () => {
    expect(outputOf('retry')).toContain('Plan: 1 to add, 0 to change, 1 to destroy.')
  })

  test('passes the group, the numbered version, the release, the URL and the alarms to the rollout', () => {
    const [call = ''] = workspace.rollouts()
    const alarms = ['elb-5xx', 'p99', 'target-5xx', 'unhealthy-hosts'].map(
      (name) => `--alarm ${service.name}-mocked-${name}`,
    )
    expect(call).toBe(
      `start --group ${service.name}-mocked --launch-template-id lt-0123456789abcdef0 --launch-template-version 1 --release ${'1'.repeat(40)} --url http://lb.elb.example:${service.port} --region xx-mock-1 ${alarms.join(' ')} --skip-rolled-back`,
    )
  })
})

describe('an apply', () => {
  test('has the rollout leave its receipt where the environment of terraform says', () => {
    expect(workspace.rollouts()).toHaveLength(1)
    expect(existsSync(workspace.env[RECEIPT] as string)).toBe(true)
  })
})

describe('an invalid variable', () => {
  const bad = new Map(
    [
      ...read('tests/validations.tftest.hcl').matchAll(/^run "(\w+)" \{[^}]*\{\s*\w+ *= (.*)$/gm),
    ].map(([, name = '', value = '']) => [name, value]),
  )
  const validated = [...read('variables.tf').matchAll(/^variable "(\w+)" \{(.*?)^\}/gms)]
    .filter(([, , body]) => body?.includes('validation {'))
    .map(([, name = '']) => name)
  // Their rules refer to other variables, and are evaluated only when those are valid.
  const dependent = ['zone_id', 'max_size', 'store_node_type', 'store_wait_replicas']

  test('has a test for each validated variable', () => {
    expect([...bad.keys()].sort()).toEqual(validated.sort())
  })

  test('is rejected with a message that gives the value and what is expected', async () => {
    for (const names of [validated.filter((name) => !dependent.includes(name)), dependent]) {
      const said = await complaints(names.map((name) => `${name} = ${bad.get(name)}`))
      for (const name of names) {
        const sentence = said.find((each) => each.startsWith(`${name} is `))
        expect(sentence, name).toMatch(/, but (must|CloudWatch)/)
        expect(sentence).toContain(bad.get(name)?.replaceAll('"', '') as string)
      }
    }
  })

  test('such as the release before the first bump is rejected with a message that says what to do', async () => {
    const plan = await workspace.terraform(['test', '-no-color', '-filter=tests/none.tftest.hcl'])
    expect(plan.output).toContain('run scripts/bake, then scripts/bump')
  })

  async function complaints(lines: string[]): Promise<string[]> {
    workspace.write('bad.tfvars', lines.join('\n'))
    const { output } = await workspace.terraform(['plan', '-json', '-var-file=bad.tfvars'])
    return output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line).diagnostic?.detail ?? '')
  }

  beforeAll(() => {
    workspace.write(
      'tests/none.tftest.hcl',
      'mock_provider "aws" {\n  source = "./tests/mocks"\n}\nrun "none" {\n  command = plan\n}\n',
    )
  })
})
