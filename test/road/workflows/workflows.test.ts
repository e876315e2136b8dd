import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { rollout } from '../../../scripts/lib/commands/rollout.ts'
import { describeBuild } from '../../../scripts/lib/provenance/statement.ts'
import { amiArtifact } from '../../../scripts/lib/receipt/envelope.ts'
import { signedPath } from '../../../scripts/lib/receipt/signed.ts'
import { root } from '../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { goTool, run } from '../../lab/support/tools.ts'

const ACTIONLINT = { module: 'github.com/rhysd/actionlint/cmd/actionlint', version: 'v1.7.12' }

// The first run builds actionlint.
setDefaultTimeout(300_000)

interface Step {
  id?: string
  uses?: string
  run?: string
  if?: string
  env?: Record<string, string>
  with?: Record<string, string>
}

interface Job {
  environment?: string
  env?: Record<string, string>
  outputs?: Record<string, string>
  permissions?: Record<string, string>
  uses?: string
  with?: Record<string, string>
  steps?: Step[]
}

interface Workflow {
  on: Record<string, unknown>
  permissions: Record<string, string>
  env?: Record<string, string>
  defaults?: { run: { shell: string } }
  concurrency: { group: string; 'cancel-in-progress'?: boolean }
  jobs: Record<string, Job>
}

const folder = join(root, '.github/workflows')
const workflows = readdirSync(folder).map((name) => {
  const text = readFileSync(join(folder, name), 'utf8')
  return { name, text, workflow: Bun.YAML.parse(text) as Workflow }
})
const named = (name: string) => {
  const found = workflows.find((each) => each.name === name)
  if (!found) throw new Error(`there is no workflow ${name}`)
  return found
}
/** The environment variable that sets an option of scripts/rollout. */
const variableOf = (option: string) =>
  `${rollout.environmentPrefix}_${option.replaceAll('-', '_').toUpperCase()}`
const go = Bun.which('go')
sayWhatIsLeftOut('actionlint', go ? undefined : 'it is built with Go, which is not installed')

describe('the workflows', () => {
  test.skipIf(!go)('pass actionlint, with shellcheck on their scripts', async () => {
    const actionlint = await goTool('actionlint', ACTIONLINT.module, ACTIONLINT.version)
    const { status, output } = await run([actionlint, '-no-color'], root)
    expect(output).toBe('')
    expect(status).toBe(0)
  })

  test('pin every action to a commit, and name its version', () => {
    for (const { name, text } of workflows) {
      const used = text.split('\n').filter((line) => /^\s*-? *uses:/.test(line))
      expect(used.length, name).toBeGreaterThan(0)
      for (const line of used)
        expect(line).toMatch(
          /uses: ([\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\.\/\.github\/workflows\/[\w-]+\.yml)$/,
        )
    }
  })

  test('get only the permissions they declare, and write access only to ship a release', () => {
    for (const { name, workflow } of workflows) {
      expect(workflow.permissions.contents, name).toBe('read')
      for (const [job, { permissions }] of Object.entries(workflow.jobs)) {
        if (`${name} ${job}` !== 'deploy.yml deploy') expect(permissions, job).toBeUndefined()
      }
    }
  })

  test('hold no AWS keys: they assume a role through OIDC', () => {
    for (const { name, text, workflow } of workflows) {
      expect(text, name).not.toMatch(/aws-access-key-id|aws-secret-access-key|AWS_SECRET/i)
      const roles = Object.values(workflow.jobs)
        .flatMap(({ steps = [] }) => steps)
        .filter(({ uses }) => uses?.startsWith('aws-actions/configure-aws-credentials'))
        .map((step) => step.with?.['role-to-assume'])
      for (const role of roles)
        expect(role).toMatch(/^\$\{\{ vars\.AWS_(PLAN|BAKE|DEPLOY|ROLLBACK)_ROLE \}\}$/)
      if (roles.length > 0) expect(workflow.permissions['id-token']).toBe('write')
    }
  })

  test('call only scripts that exist', () => {
    const called = workflows.flatMap(({ text }) => text.match(/(?:scripts|\.ci)\/[a-z]+/g) ?? [])
    expect(new Set(called).size).toBeGreaterThan(3)
    for (const script of called) {
      expect(existsSync(join(root, script)), script).toBe(true)
      expect(statSync(join(root, script)).mode & 0o111, script).toBeGreaterThan(0)
    }
  })

  test('deploy one at a time, after approval, with the plan shown before', () => {
    const { workflow, text } = named('deploy.yml')
    expect(workflow.concurrency['cancel-in-progress']).toBe(false)
    expect(workflow.jobs.deploy?.environment).toBe('production')
    expect(workflow.jobs.plan?.environment).toBeUndefined()
    expect(text).toMatch(/^ {4}needs: plan$/m)
    expect(text).toMatch(/scripts\/deploy "\$RELEASE" --plan .*\| tee/)
    expect(text).toMatch(
      /scripts\/bump "\$RELEASE" .*\n *terraform -chdir=terraform plan .*\| tee "(.*)"\n.*cat "\1".*GITHUB_STEP_SUMMARY/,
    )
    // Without pipefail, tee would hide a failed plan.
    expect(workflow.defaults?.run.shell).toBe('bash')
  })

  test('roll back beside a running deploy, without waiting for its reviewers, and change nothing else', () => {
    const { workflow } = named('rollback.yml')
    const deploy = named('deploy.yml').workflow
    expect(workflow.concurrency.group).not.toBe(deploy.concurrency.group)
    expect(workflow.concurrency['cancel-in-progress']).toBe(false)
    const { environment, steps = [] } = workflow.jobs.rollback ?? {}
    expect(environment).toBe(`${deploy.jobs.deploy?.environment}-rollback`)
    const commands = steps.flatMap(
      ({ run }) => run?.match(/\b(?:scripts|git|terraform)\b.*/g) ?? [],
    )
    expect(commands).toHaveLength(1)
    expect(commands[0]).toStartWith('scripts/rollout rollback ')
    expect(rollout.options.group.fallback).toBe(`${name}-${deploy.jobs.deploy?.environment}`)
  })

  test.each(['deploy', 'rollback'])(
    'keep the receipt of a %s, and the evidence of one that failed',
    (name) => {
      const { jobs } = named(`${name}.yml`).workflow
      const steps = jobs[name]?.steps ?? []
      const writer = steps.find(({ env }) => env?.[variableOf('receipt')])
      const reader = steps.find(({ run }) => run?.includes('GITHUB_STEP_SUMMARY'))
      const kept = steps.find(({ uses }) => uses?.startsWith('actions/upload-artifact'))
      expect(kept?.if).toBe('failure()')
      expect(kept?.with?.path).toBe(writer?.env?.[variableOf('evidence')])
      const file = writer?.env?.[variableOf('receipt')]?.replace(
        /^\$\{\{ runner\.temp \}\}/,
        '$RUNNER_TEMP',
      )
      expect(reader?.if).toBe('always()')
      expect(reader?.run).toStartWith(`receipt=${file}\n`)
    },
  )

  test('keep the signed receipt of a deploy beside the receipt', () => {
    const steps = named('deploy.yml').workflow.jobs.deploy?.steps ?? []
    const inTemp = (path: unknown) => String(path).replace(/^\$\{\{ runner\.temp \}\}/, '/tmp')
    const ship = steps.find(({ env }) => env?.[variableOf('receipt')])
    const receipt = inTemp(ship?.env?.[variableOf('receipt')])
    const kept = steps.find(
      (step) => step.uses?.startsWith('actions/upload-artifact') && step.if === 'always()',
    )
    const pattern = new Bun.Glob(inTemp(kept?.with?.path))
    for (const path of [receipt, signedPath(receipt)]) expect(pattern.match(path)).toBe(true)
    const key = '$RUNNER_TEMP/receipt-key.pem'
    const layOut = steps.find(({ run }) => run?.includes(key))
    expect(layOut?.run).toContain(`echo "${variableOf('receipt-key')}=${key}" >>"$GITHUB_ENV"`)
    expect(pattern.match('/tmp/receipt-key.pem')).toBe(false)
  })

  test('set only variables that scripts/rollout reads', () => {
    const known = Object.keys(rollout.options).map(variableOf)
    const set = workflows.flatMap(
      ({ text }) => text.match(new RegExp(`\\b${rollout.environmentPrefix}_\\w+`, 'g')) ?? [],
    )
    expect(new Set(set).size).toBeGreaterThan(2)
    for (const variable of set) expect(known).toContain(variable)
  })

  test('bake what is on main, by hand, and refuse any other commit', async () => {
    const { workflow } = named('bake.yml')
    expect(Object.keys(workflow.on)).toEqual(['workflow_dispatch'])
    const { uses, with: given } = workflow.jobs.image ?? {}
    expect(uses).toBe('./.github/workflows/bake-image.yml')
    expect(given?.release).toMatch(/^\$\{\{ inputs\.release \|\| github\.sha \}\}$/)
    const called = named('bake-image.yml').workflow
    expect(Object.keys(called.on)).toEqual(['workflow_call'])
    expect(given?.force).toMatch(/^\$\{\{ inputs\.force \}\}$/)
    const { steps = [] } = called.jobs.bake ?? {}
    const [checkout, guard] = steps
    expect(checkout?.with?.ref).toMatch(/^\$\{\{ inputs\.release \}\}$/)
    using folder = temporaryFolder()
    const git = async (...args: string[]) => {
      const as = ['-c', 'user.name=test', '-c', 'user.email=test@example.com']
      const { status, output } = await run(['git', ...as, ...args], folder.path)
      if (status !== 0) throw new Error(output)
    }
    const refused = async () => {
      const command = ['bash', '-eo', 'pipefail', '-c', guard?.run as string]
      return (await run(command, folder.path)).status
    }
    await git('init', '--quiet', '--initial-branch=main', '.')
    await git('commit', '--quiet', '--allow-empty', '--message', 'older')
    await git('commit', '--quiet', '--allow-empty', '--message', 'newer')
    await git('update-ref', 'refs/remotes/origin/main', 'HEAD')
    expect(await refused()).toBe(0)
    await git('checkout', '--quiet', 'HEAD~')
    expect(await refused()).toBe(0)
    await git('commit', '--quiet', '--allow-empty', '--message', 'elsewhere')
    expect(await refused()).toBe(1)
    await git('tag', 'origin/main')
    expect(await refused()).toBe(1)
  })

  test('attest executable, bill of materials and image of what they baked, in the file that the statement names', async () => {
    const { workflow, text } = named('bake-image.yml')
    for (const each of [workflow, named('bake.yml').workflow]) {
      expect(each.permissions).toEqual({
        contents: 'read',
        'id-token': 'write',
        attestations: 'write',
      })
    }
    expect(text).toMatch(/\/\.github\/workflows\/bake-image\.yml@\$\{\{ github\.ref \}\}\n/)
    const { steps = [] } = workflow.jobs.bake ?? {}
    const prepare = steps.find(({ id }) => id === 'statement')
    const attest = steps.find(({ uses }) => uses?.startsWith('actions/attest@'))
    // After an attestation that failed, only another image can be attested.
    expect(text).toMatch(/FORCE: \$\{\{ inputs\.force && '--force' \|\| '' \}\}\n/)
    expect(text).toMatch(/scripts\/bake .* \$\{FORCE:\+"\$FORCE"\}\)/)
    expect(attest?.if).toBe("steps.statement.outputs.type && vars.WITHOUT_ATTESTATIONS != 'true'")

    using folder = temporaryFolder()
    const [temp, output] = ['temp', 'output'].map((each) => join(folder.path, each)) as [
      string,
      string,
    ]
    mkdirSync(temp)
    writeFileSync(output, '')
    const script = async () => {
      const command = ['bash', '-eo', 'pipefail', '-c', prepare?.run as string]
      const environment = { RUNNER_TEMP: temp, GITHUB_OUTPUT: output }
      expect(await run(command, folder.path, environment)).toEqual({ status: 0, output: '' })
      return readFileSync(output, 'utf8')
    }
    expect(await script()).toBe('')
    const statement = describeBuild({
      builder: 'https://example.com',
      commit: 'a'.repeat(40),
      parameters: {},
      artifacts: [{ name: 'executable', sha256: 'b'.repeat(64) }, amiArtifact('ami-0')],
      finishedAt: new Date(),
    })
    const provenance = join(folder.path, 'dist', 'provenance')
    mkdirSync(provenance, { recursive: true })
    writeFileSync(join(provenance, 'a-x64.statement.json'), JSON.stringify(statement))
    expect(await script()).toBe(`type=${statement.predicateType}\n`)
    const made = (path = '') =>
      readFileSync(path.replace(/^\$\{\{ runner\.temp \}\}/, temp), 'utf8')
    expect(made(attest?.with?.['subject-checksums'])).toBe(
      `${'b'.repeat(64)}  executable\n${amiArtifact('ami-0').sha256}  ami-0\n`,
    )
    expect(JSON.parse(made(attest?.with?.['predicate-path']))).toEqual(statement.predicate)
  })

  test('let gh verify the attestation of what they deploy, and skip that only where there are none', () => {
    const { workflow } = named('deploy.yml')
    const choosing = Object.values(workflow.jobs).flatMap(({ permissions, steps = [] }) => {
      expect((permissions ?? workflow.permissions).attestations).toBe('read')
      return steps.filter(({ run }) => /scripts\/(deploy|bump) /.test(run ?? ''))
    })
    expect(choosing).toHaveLength(3)
    for (const { run, env } of choosing) {
      expect(env?.GH_TOKEN).toMatch(/^\$\{\{ github\.token \}\}$/)
      expect(run).toMatch(/scripts\/(deploy|bump) "\$RELEASE".* \$\{UNATTESTED:\+"\$UNATTESTED"\}/)
    }
    expect(workflow.env?.UNATTESTED).toContain(
      "vars.WITHOUT_ATTESTATIONS == 'true' && '--unattested'",
    )
  })

  test('deploy the commit that was planned, wherever its tag points by then, and take no option for one', async () => {
    const { plan, deploy } = named('deploy.yml').workflow.jobs
    expect(deploy?.env?.RELEASE).toMatch(/^\$\{\{ needs\.plan\.outputs\.release \}\}$/)
    expect(plan?.outputs?.release).toMatch(/^\$\{\{ steps\.release\.outputs\.commit \}\}$/)
    const [, find] = plan?.steps ?? []
    expect(find?.id).toBe('release')
    using folder = temporaryFolder()
    const output = join(folder.path, 'output')
    const found = async (RELEASE: string) => {
      rmSync(output, { force: true })
      const command = ['bash', '-eo', 'pipefail', '-c', find?.run as string]
      const environment = { RELEASE, GITHUB_OUTPUT: output, GITHUB_ENV: output }
      const { status } = await run(command, root, environment)
      return status === 0 ? readFileSync(output, 'utf8') : existsSync(output)
    }
    const head = (await run(['git', 'rev-parse', 'HEAD'], root)).output.trim()
    expect(await found('HEAD')).toBe(`commit=${head}\nRELEASE=${head}\n`)
    for (const option of ['--unattested', '--all', '--previous', '-h'])
      expect(await found(option), option).toBe(false)
  })

  test('push the release file to main even if main has moved meanwhile', async () => {
    const steps = named('deploy.yml').workflow.jobs.deploy?.steps ?? []
    expect(steps.find(({ uses }) => uses?.startsWith('actions/checkout'))?.with?.ref).toBe('main')
    const script = steps.find(({ run }) => run?.includes('git push'))?.run as string
    const at = mkdtempSync(join(tmpdir(), `${name}-push-`))
    const git = async (folder: string, ...args: string[]) => {
      const as = ['-c', 'user.name=test', '-c', 'user.email=test@example.com']
      const { status, output } = await run(['git', ...as, '-C', join(at, folder), ...args], at)
      if (status !== 0) throw new Error(output)
      return output
    }
    try {
      await git('.', 'init', '--quiet', '--bare', '--initial-branch=main', 'origin')
      await git('.', 'clone', '--quiet', join(at, 'origin'), 'other')
      const file = 'terraform/release.auto.tfvars.json'
      await Bun.write(join(at, 'other', file), 'old')
      await git('other', 'add', '.')
      await git('other', 'commit', '--quiet', '--message', 'first')
      await git('other', 'push', '--quiet', 'origin', 'HEAD:main')
      await git('.', 'clone', '--quiet', join(at, 'origin'), 'job')
      await git('other', 'commit', '--quiet', '--allow-empty', '--message', 'moved')
      await git('other', 'push', '--quiet', 'origin', 'HEAD:main')
      // Anyone who may push could make it, of commits that nobody has reviewed.
      await git('other', 'checkout', '--quiet', '--detach')
      await git('other', 'commit', '--quiet', '--allow-empty', '--message', 'not on main')
      await git('other', 'tag', 'main')
      await git('other', 'push', '--quiet', 'origin', 'refs/tags/main')
      await Bun.write(join(at, 'job', file), 'new')
      const { status, output } = await run(
        ['bash', '-eo', 'pipefail', '-c', script],
        join(at, 'job'),
        {
          RELEASE: 'a'.repeat(40),
        },
      )
      expect(output).toContain('main')
      expect(status).toBe(0)
      expect(
        (await git('origin', 'log', '--format=%s', 'refs/heads/main')).split('\n').slice(0, 3),
      ).toEqual(['Ship aaaaaaaaaaaa', 'moved', 'first'])
    } finally {
      rmSync(at, { recursive: true, force: true })
    }
  })

  test('use the same versions of the tools as the project', () => {
    const packer = readFileSync(join(root, 'packer/aws/plugins.pkr.hcl'), 'utf8')
    const wanted = /required_version = "= (\S+)"/.exec(packer)?.[1] as string
    for (const name of ['bake-image.yml', 'test.yml']) {
      expect(named(name).text).toContain(` version: ${wanted}\n`)
    }
    const versions = workflows.flatMap(({ text }) => text.match(/terraform_version: \S+/g) ?? [])
    expect(new Set(versions).size).toBe(1)
  })

  test('deploy and roll back from the environments that the bootstrap roles trust', () => {
    const github = readFileSync(join(root, 'terraform/bootstrap/github.tf'), 'utf8')
    expect(github).toMatch(/deploy = \["environment:\$\{var\.environment\}"\]/)
    expect(github).toMatch(/rollback = \["environment:\$\{var\.environment\}-rollback"\]/)
    const variables = readFileSync(join(root, 'terraform/bootstrap/variables.tf'), 'utf8')
    expect(variables).toContain(
      `default     = "${named('deploy.yml').workflow.jobs.deploy?.environment}"`,
    )
  })
})
