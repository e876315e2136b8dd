import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'
import { Environment } from '../../../scripts/lib/doctor/environment.ts'
import { checkPlan } from '../../../scripts/lib/doctor/plan.ts'
import { Terraform } from '../../../scripts/lib/release/terraform.ts'
import { root } from '../../../scripts/lib/service.ts'
import type { Finding } from '../../../scripts/lib/verify/finding.ts'
import { run } from '../../lab/support/command.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import { startWard, type Ward } from './fixtures/environment.ts'
import { GROUP } from './fixtures/scene.ts'
import { environment, PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'doctor-test-'))
})
afterAll(async () => await rm(folder, { recursive: true, force: true }))

/** A stand-in for terraform/: its outputs and a resource with a setting, without a provider. */
const configuration = (url: string): string => `
variable "size" { default = 1 }
resource "terraform_data" "store" { input = var.size }
output "url" { value = "${url}" }
output "group_name" { value = "${GROUP}" }
output "region" { value = "eu-west-1" }
output "alarm_names" { value = ["${GROUP}-p99"] }
`

describe('scripts/doctor with Terraform', () => {
  let ward: Ward
  let project: string
  beforeAll(async () => {
    ward = await startWard()
    project = join(folder, 'project')
    await mkdir(join(project, 'terraform'), { recursive: true })
    for (const name of ['package.json', 'bun.lock', 'bunfig.toml', 'scripts']) {
      await cp(join(root, name), join(project, name), { recursive: true, preserveTimestamps: true })
    }
    await symlink(join(root, 'node_modules'), join(project, 'node_modules'))
    await Bun.write(join(project, 'terraform/main.tf'), configuration(ward.scene.fleet.url))
  })
  afterAll(async () => await ward.stop())

  const doctor = async (extra: Record<string, string> = {}) =>
    await run([join(project, 'scripts/doctor')], {
      env: environment({ ...ward.scene.env, ...extra }),
    })

  test('says so where nothing was applied from here, and goes on', async () => {
    const { code, out } = await doctor()
    expect(out).toMatch(/^unknown {2}plan +terraform output is empty: nothing is applied, /m)
    expect(code).toBe(0)
  })

  test('is well when the plan is empty, and locks and writes nothing', async () => {
    const ran = await $`terraform init -input=false && terraform apply -input=false -auto-approve`
      .cwd(join(project, 'terraform'))
      .env(environment())
      .quiet()
    expect(ran.exitCode).toBe(0)
    const state = join(project, 'terraform/terraform.tfstate')
    const before = await Bun.file(state).text()
    const { code, out, err } = await doctor()
    expect(err).toBe('')
    expect(out).toMatch(/^ok {7}plan +terraform plan would change nothing$/m)
    expect(code).toBe(0)
    expect(await Bun.file(state).text()).toBe(before)
  })

  test('says why, in one line, where Terraform cannot be asked', async () => {
    const backend = join(project, 'terraform/backend.tf')
    await Bun.write(backend, 'terraform {\n  backend "s3" {}\n}\n')
    const { out } = await doctor()
    await rm(backend)
    expect(out).toMatch(
      /^unknown {2}plan +terraform output failed: Backend initialization required/m,
    )
  })

  test('names what the plan would change, and exits with 1', async () => {
    const { code, out } = await doctor({ TF_VAR_size: '2' })
    expect(out).toMatch(
      /^problem {2}plan +terraform plan would change 1 resource: terraform_data\.store, update of input, output: somebody/m,
    )
    expect(code).toBe(1)
  })
})

interface Planned {
  address: string
  actions: string[]
  before?: object
  after?: object
}

/** What is found where `terraform plan` ends with this code and error, and would change this. */
async function findingFor(
  code: number,
  {
    error = '',
    changes = [],
    seconds = 0,
  }: { error?: string; changes?: Planned[]; seconds?: number },
): Promise<Finding> {
  const bin = await mkdtemp(join(folder, 'bin-'))
  const shown = {
    resource_changes: changes.map(({ address, ...change }) => ({
      address,
      mode: 'managed',
      change,
    })),
  }
  await Bun.write(join(bin, 'shown.json'), JSON.stringify(shown))
  await Bun.write(join(bin, 'error.txt'), error)
  stubCommand(
    bin,
    'terraform',
    `#!/bin/sh
case $2 in
  plan) ${seconds > 0 ? `exec sleep ${seconds}` : ':'}; cat "${bin}/error.txt" >&2; exit ${code} ;;
  show) cat "${bin}/shown.json" ;;
esac
`,
  )
  const former = process.env.PATH
  process.env.PATH = `${bin}:${former}`
  try {
    const configuration = {
      terraform: new Terraform(bin, 2000),
      outputs: { url: undefined, group: GROUP, region: undefined, alarms: [] },
    }
    const options = { group: GROUP, url: undefined, configuration, settings: undefined }
    const [found] = await checkPlan(new Environment(undefined as never, options))
    return found as Finding
  } finally {
    process.env.PATH = former
  }
}

const update = (address: string, before: object, after: object): Planned => ({
  address,
  actions: ['update'],
  before,
  after,
})
const replaced = (address: string): Planned => ({ address, actions: ['delete', 'create'] })

describe('plan', () => {
  test.each(['aws_memorydb_user', 'aws_elasticache_user'])(
    'knows the access string of %s that AWS normalises, and what to write instead',
    async (kind) => {
      const found = await findingFor(2, {
        changes: [
          update(
            `${kind}.main[0]`,
            { access_string: 'on ~a:* -@all +get', user_name: 'a' },
            { access_string: 'on ~a:* resetchannels -@all +get', user_name: 'a' },
          ),
        ],
      })
      expect(found.text).toStartWith(
        "AWS keeps the access string of the store's user in other words",
      )
      expect(found.todo).toEndWith('write store_access as AWS does: "on ~a:* -@all +get"')
    },
  )

  test('names what else changes beside the access string, but no value', async () => {
    const { text } = await findingFor(2, {
      changes: [
        update('aws_memorydb_user.main[0]', { access_string: 'a' }, { access_string: 'b' }),
        update('aws_db.main', { password: 'secret', size: 1 }, { password: 'other', size: 1 }),
      ],
    })
    expect(text).toBe(
      'terraform plan would change 2 resources: aws_db.main, update of password; aws_memorydb_user.main[0], update of access_string',
    )
  })

  test('names five changes at most', async () => {
    const changes = 'abcdefg'.split('').map((letter) => replaced(`aws_x.${letter}`))
    const { text } = await findingFor(2, { changes })
    expect(text).toContain('aws_x.e, delete and create; and 2 more')
  })

  test('knows a release that is chosen, but not shipped', async () => {
    const changes = [replaced('terraform_data.rollout'), update('aws_launch_template.main', {}, {})]
    const { text, todo } = await findingFor(2, { changes })
    expect(text).toContain('names a release that is not applied')
    expect(todo).toContain('scripts/deploy')
  })

  test('knows a rollout that did not end well', async () => {
    const { text } = await findingFor(2, { changes: [replaced('terraform_data.rollout')] })
    expect(text).toStartWith('the newest rollout did not end well')
  })

  test('knows a change of outputs alone', async () => {
    expect((await findingFor(2, {})).text).toBe('terraform plan would change outputs only')
  })

  test.each([
    ['╷\n│ Error: No value for required variable\n│ \n│   on variables.tf line 1:\n╵\n', 'problem'],
    ['╷\n│ Error: reading S3 Bucket: AccessDenied: no\n╵\n', 'unknown'],
    ['Error: No valid credential sources found\n', 'unknown'],
  ])('tells the first error of %j in one line, as %s', async (error, status) => {
    const found = await findingFor(1, { error })
    const [, words] = /Error: (.*)/.exec(error) ?? []
    expect(found.text).toBe(`terraform plan failed: ${words}`)
    expect(found.status).toBe(status as Finding['status'])
  })

  test('is unknown when Terraform hangs, which is stopped', async () => {
    const found = await findingFor(0, { seconds: 60 })
    expect(found).toEqual({ status: 'unknown', text: 'terraform plan was stopped after 2 s' })
  })
})
