import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { rollout } from '../../../scripts/lib/commands/rollout.ts'
import { describeBuild } from '../../../scripts/lib/provenance/statement.ts'
import { amiArtifact } from '../../../scripts/lib/receipt/envelope.ts'
import { signedPath } from '../../../scripts/lib/receipt/signed.ts'
import { root } from '../../../scripts/lib/service.ts'
import { run } from '../../lab/support/command.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import { goTool } from '../../lab/support/tools.ts'

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
  if?: string
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
const signIn = readFileSync(join(root, '.github/actions/sign-in/action.yml'), 'utf8')
const SIGN_IN = './.github/actions/sign-in'
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
    const actionlint = await goTool('actionlint')
    const { code, output } = await run([actionlint, '-no-color'], { cwd: root })
    expect(output).toBe('')
    expect(code).toBe(0)
  })

  test('pin every action to a commit, and name its version', () => {
    for (const { name, text } of [...workflows, { name: 'sign-in', text: signIn }]) {
      const used = text.split('\n').filter((line) => /^\s*-? *uses:/.test(line))
      expect(used.length, name).toBeGreaterThan(0)
      for (const line of used)
        expect(line).toMatch(
          /uses: ([\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\.\/\.github\/(workflows\/[\w-]+\.yml|actions\/[\w-]+))$/,
        )
    }
  })

  test('get only the permissions they declare, and none may both write here and act in AWS, or run our code and attest', () => {
    for (const { name, workflow } of workflows) {
      expect(workflow.permissions.contents, name).toBe('read')
    }
    const special = workflows.flatMap(({ name, workflow }) =>
      Object.entries(workflow.jobs).flatMap(([job, { permissions }]) =>
        permissions ? [[`${name} ${job}`, permissions]] : [],
      ),
    )
    expect(Object.fromEntries(special)).toEqual({
      'bake-image.yml bake': { contents: 'read', 'id-token': 'write' },
      'bake-image.yml sign': { 'id-token': 'write', attestations: 'write' },
      'patch.yml release': { contents: 'read' },
      'deploy.yml propose': { contents: 'write', 'pull-requests': 'write' },
    })
    for (const [name, job] of [
      ['bake-image.yml', 'sign'],
      ['deploy.yml', 'propose'],
    ] as const) {
      const steps = named(name).workflow.jobs[job]?.steps ?? []
      for (const { run, uses } of steps) {
        expect(run ?? '').not.toMatch(/scripts\/|bun |npm |terraform -/)
        expect(uses ?? '').not.toStartWith('./')
      }
    }
  })

  test('hold no AWS keys, and assume a role that is committed, in an account that is committed', () => {
    const roles = new Map<string, string[]>()
    for (const { name, text, workflow } of workflows) {
      expect(text, name).not.toMatch(/secrets\.(?!HELLO_TOKEN |RECEIPT_KEY )/)
      // Anyone who may write to the repository can set its variables.
      expect(text, name).not.toMatch(/\bvars\./)
      expect(text, name).not.toContain('configure-aws-credentials')
      for (const { permissions, steps = [] } of Object.values(workflow.jobs)) {
        const used = steps.filter(({ uses }) => uses === SIGN_IN)
        for (const step of used) {
          expect((permissions ?? workflow.permissions)['id-token']).toBe('write')
          const role = step.with?.role ?? ''
          roles.set(role, [...(roles.get(role) ?? []), name.replace('.yml', '')])
        }
      }
    }
    const github = readFileSync(join(root, 'terraform/bootstrap/github.tf'), 'utf8')
    const trusted = [
      ...github.matchAll(/^ {4}(\w+) *= \{ context = .*, workflows = (\[.*\]) \}$/gm),
    ]
    expect(Object.fromEntries([...roles].map(([role, names]) => [role, names.sort()]))).toEqual(
      Object.fromEntries(trusted.map(([, role, names = '']) => [role, JSON.parse(names).sort()])),
    )
    expect(signIn).toMatch(/allowed-account-ids: \$\{\{ steps\.settings\.outputs\.account \}\}\n/)
  })

  test('have credentials of AWS, and the key of receipts, in no step but those that need them', () => {
    const { outputs, runs } = Bun.YAML.parse(signIn) as {
      outputs: Record<string, { description: string }>
      runs: { steps: Step[] }
    }
    const assume = runs.steps.find(({ id }) => id === 'credentials')
    expect(String(assume?.with?.['output-env-credentials'])).toBe('false')
    const given = Object.fromEntries(
      Object.entries(outputs).flatMap(([output, { description }]) =>
        description.startsWith('AWS_')
          ? [[description, `\${{ steps.aws.outputs.${output} }}`]]
          : [],
      ),
    )
    expect(Object.keys(given)).toHaveLength(4)
    for (const { name, text, workflow } of workflows) {
      expect(text, name).not.toMatch(/AWS_\w+=/)
      expect(JSON.stringify(workflow.env ?? {}), name).not.toContain('AWS_')
      for (const [job, { env, steps = [] }] of Object.entries(workflow.jobs)) {
        expect(JSON.stringify(env ?? {}), `${name} ${job}`).not.toContain('AWS_')
        const signedIn = steps.findIndex(({ uses }) => uses === SIGN_IN)
        for (const [index, { run, env = {} }] of steps.entries()) {
          const asks =
            signedIn >= 0 &&
            index > signedIn &&
            /^\s*(\w+=\$\()?(scripts\/|terraform )/m.test(run ?? '')
          const has = Object.entries(env).filter(([key]) => key.startsWith('AWS_'))
          expect(Object.fromEntries(has), `${name} ${job}, step ${index + 1}`).toEqual(
            asks ? given : {},
          )
        }
      }
    }
    const { steps = [] } = named('deploy.yml').workflow.jobs.deploy ?? {}
    const ship = steps.find(({ env }) => env?.[variableOf('receipt')])
    expect(ship?.run).toStartWith(`trap 'rm -f "$RUNNER_TEMP/receipt-key.pem"' EXIT\n`)
  })

  test('refuse to sign in without committed settings, and take nothing else from them', async () => {
    const { runs } = Bun.YAML.parse(signIn) as { runs: { steps: Step[] } }
    using folder = temporaryFolder()
    const output = join(folder.path, 'output')
    const settings = async (text?: string) => {
      rmSync(output, { force: true })
      mkdirSync(join(folder.path, '.github'), { recursive: true })
      if (text !== undefined) writeFileSync(join(folder.path, '.github/aws.env'), text)
      const command = ['bash', '-eo', 'pipefail', '-c', runs.steps[0]?.run as string]
      const env = { ...process.env, GITHUB_OUTPUT: output }
      const { code, output: told } = await run(command, { cwd: folder.path, env })
      return code === 0 ? readFileSync(output, 'utf8') : told
    }
    expect(await settings()).toContain('commit .github/aws.env')
    const good = [
      'account=123456789012',
      'region=eu-west-1',
      'roles=arn:aws:iam::123456789012:role/app-production-github-',
      'url=https://www.example.com',
      'attestations=false',
    ].map((line) => `${line}\n`)
    const bad =
      'roles=arn:aws:iam::123456789012:role/*\nother=1\nurl=https://a.example/\nurl<<END\n'
    expect(await settings(good.join('') + bad)).toBe(good.join(''))
  })

  test('install what they run before they have credentials, and only locked providers', () => {
    for (const { name, workflow } of workflows) {
      for (const [job, { steps = [] }] of Object.entries(workflow.jobs)) {
        const signedIn = steps.findIndex(({ uses }) => uses === SIGN_IN)
        if (signedIn >= 0) {
          const before = steps
            .slice(0, signedIn)
            .filter(({ run }) => /^scripts\/\w+ --help$/.test(run ?? ''))
          expect(before, `${name} ${job}`).toHaveLength(1)
        }
        const initialises = steps.some(({ run }) =>
          /terraform .*init|scripts\/(deploy|bump|doctor)/.test(run ?? ''),
        )
        if (initialises) {
          expect(workflow.env?.TF_CLI_ARGS_init, `${name} ${job}`).toBe('-lockfile=readonly')
        }
      }
    }
    const { trustedDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    // No package runs a script of its own when it is installed.
    expect(trustedDependencies).toEqual([])
  })

  test('deploy only with a lock file and a backend that are committed, to the URL that Terraform says', async () => {
    const steps = named('deploy.yml').workflow.jobs.plan?.steps ?? []
    const require = steps.find(({ run }) => run?.includes('terraform/backend.tf'))?.run as string
    using folder = temporaryFolder()
    const bash = (script: string, env = {}) =>
      run(['bash', '-eo', 'pipefail', '-c', script], {
        cwd: folder.path,
        env: { ...process.env, ...env },
      })
    await bash('git init --quiet && mkdir terraform && touch terraform/backend.tf && git add .')
    expect((await bash(require)).output).toContain('commit terraform/.terraform.lock.hcl')
    await bash('touch terraform/.terraform.lock.hcl && git add .')
    expect((await bash(require)).code).toBe(0)
    const check = steps.find(({ env }) => env?.URL)?.run as string
    const bin = join(folder.path, 'bin')
    mkdirSync(bin)
    stubCommand(
      bin,
      'terraform',
      '#!/bin/sh\ncase "$*" in *output*) printf https://www.example.com ;; esac\n',
    )
    const PATH = `${bin}:${process.env.PATH}`
    for (const [URL, code] of [
      ['https://www.example.com', 0],
      ['https://evil.example', 1],
      ['', 1],
    ] as const) {
      expect((await bash(check, { URL, PATH })).code, URL).toBe(code)
    }
  })

  test('audit the packages on each pull request and each day, and have Dependabot watch them all', () => {
    const { workflow } = named('audit.yml')
    expect(Object.keys(workflow.on).sort()).toEqual([
      'pull_request',
      'schedule',
      'workflow_dispatch',
    ])
    expect(workflow.jobs.packages?.steps?.at(-1)?.run).toEndWith('bun audit')
    const file = Bun.YAML.parse(readFileSync(join(root, '.github/dependabot.yml'), 'utf8'))
    const { updates } = file as {
      updates: { 'package-ecosystem': string; directory?: string; directories?: string[] }[]
    }
    const watched = (kind: string) =>
      updates
        .filter((each) => each['package-ecosystem'] === kind)
        .flatMap(({ directory = [], directories = [] }) => [directory, directories].flat())
    const modules = [...new Bun.Glob('{src,scripts,test}/**/go.mod').scanSync(root)]
      .filter((path) => !path.includes('/.cache/'))
      .map((path) => `/${path.replace(/\/go\.mod$/, '')}`)
    expect(watched('gomod')).toEqual(expect.arrayContaining(modules))
    expect(watched('bun')).toEqual(['/'])
    expect(watched('github-actions')).toEqual(['/', '/.github/actions/*'])
    expect(watched('terraform')).toEqual(['/terraform', '/terraform/bootstrap'])
  })

  test('prove each pull request compatible with the release that runs, on every kind of store, from the whole history', () => {
    const { workflow } = named('test.yml')
    expect(Object.keys(workflow.on)).toContain('pull_request')
    const [checkout, play] = workflow.jobs.compat?.steps ?? []
    expect(checkout?.with?.['fetch-depth']).toBe(0 as never)
    expect(play?.run?.trim().split('\n')).toEqual([
      'source scripts/lib/shell/packages.sh',
      'need_packages redis-server redis-tools',
      'scripts/compat',
    ])
  })

  test('call only scripts that exist', () => {
    const called = workflows.flatMap(
      ({ text }) => text.match(/(?<!\/)(?:scripts|\.ci)\/[a-z]+/g) ?? [],
    )
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
    expect(commands).toHaveLength(2)
    expect(commands[1]).toStartWith('scripts/rollout rollback ')
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
    // After an attestation that failed, only another image can be attested.
    expect(given?.again).toMatch(/^\$\{\{ inputs\.force && '--force' \|\| '' \}\}$/)
    const [checkout, guard] = called.jobs.build?.steps ?? []
    expect(checkout?.with?.ref).toMatch(/^\$\{\{ inputs\.release \}\}$/)
    expect(called.jobs.bake?.steps?.slice(0, 2)).toEqual([checkout, guard] as Step[])
    using folder = temporaryFolder()
    const git = async (...args: string[]) => {
      const as = ['-c', 'user.name=test', '-c', 'user.email=test@example.com']
      const { code, output } = await run(['git', ...as, ...args], { cwd: folder.path })
      if (code !== 0) throw new Error(output)
    }
    const refused = async () => {
      const command = ['bash', '-eo', 'pipefail', '-c', guard?.run as string]
      return (await run(command, { cwd: folder.path })).code
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

  test('patch the deployed release each night, by the workflow whose images are attested', async () => {
    const { workflow } = named('patch.yml')
    expect(Object.keys(workflow.on)).toEqual(['schedule', 'workflow_dispatch'])
    const { release, image } = workflow.jobs
    expect(image?.uses).toBe('./.github/workflows/bake-image.yml')
    expect(image?.with).toMatchObject({ again: '--patch' })
    using folder = temporaryFolder()
    mkdirSync(join(folder.path, 'terraform'))
    const output = join(folder.path, 'output')
    for (const [content, deployed] of [
      [{ release: 'a'.repeat(40) }, 'a'.repeat(40)],
      [{ release: '0'.repeat(40) }, ''],
      [{}, ''],
    ] as const) {
      writeFileSync(
        join(folder.path, 'terraform/release.auto.tfvars.json'),
        JSON.stringify(content),
      )
      writeFileSync(output, '')
      const find = release?.steps?.at(-1)?.run as string
      const environment = { ...process.env, GITHUB_OUTPUT: output }
      const command = ['bash', '-eo', 'pipefail', '-c', find]
      const { code } = await run(command, { cwd: folder.path, env: environment })
      expect([code, readFileSync(output, 'utf8')]).toEqual([0, `deployed=${deployed}\n`])
    }
  })

  test('attest executable, bill of materials and image of what they baked, in the file that the statement names', async () => {
    const { workflow, text } = named('bake-image.yml')
    expect(named('bake.yml').workflow.permissions).toEqual({
      contents: 'read',
      'id-token': 'write',
      attestations: 'write',
    })
    expect(text).toMatch(/\/\.github\/workflows\/bake-image\.yml@\$\{\{ github\.ref \}\}\n/)
    expect(text).toMatch(/AGAIN: \$\{\{ inputs\.again \}\}\n/)
    expect(text).toMatch(/scripts\/bake .* \$\{AGAIN:\+"\$AGAIN"\}\)/)
    const { bake, sign } = workflow.jobs
    const look = bake?.steps?.find(({ id }) => id === 'statement')
    const prepare = sign?.steps?.find(({ id }) => id === 'statement')
    const attest = sign?.steps?.find(({ uses }) => uses?.startsWith('actions/attest@'))
    expect(sign?.if).toBe("needs.bake.outputs.stated && needs.bake.outputs.attestations != 'false'")

    using folder = temporaryFolder()
    const [temp, output] = ['temp', 'output'].map((each) => join(folder.path, each)) as [
      string,
      string,
    ]
    mkdirSync(temp)
    const script = async (step?: Step) => {
      writeFileSync(output, '')
      const command = ['bash', '-eo', 'pipefail', '-c', step?.run as string]
      const environment = { ...process.env, RUNNER_TEMP: temp, GITHUB_OUTPUT: output }
      expect(await run(command, { cwd: folder.path, env: environment })).toMatchObject({
        code: 0,
        output: '',
      })
      return readFileSync(output, 'utf8')
    }
    expect(await script(look)).toBe('')
    const statement = describeBuild({
      builder: 'https://example.com',
      commit: 'a'.repeat(40),
      parameters: {},
      materials: [],
      artifacts: [{ name: 'executable', sha256: 'b'.repeat(64) }, amiArtifact('ami-0')],
      finishedAt: new Date(),
    })
    const provenance = join(folder.path, 'dist', 'provenance')
    mkdirSync(provenance, { recursive: true })
    writeFileSync(join(provenance, 'a-x64.statement.json'), JSON.stringify(statement))
    expect(await script(look)).toBe('stated=true\n')
    expect(await script(prepare)).toBe(`type=${statement.predicateType}\n`)
    const made = (path = '') =>
      readFileSync(path.replace(/^\$\{\{ runner\.temp \}\}/, temp), 'utf8')
    expect(made(attest?.with?.['subject-checksums'])).toBe(
      `${'b'.repeat(64)}  executable\n${amiArtifact('ami-0').sha256}  ami-0\n`,
    )
    expect(JSON.parse(made(attest?.with?.['predicate-path']))).toEqual(statement.predicate)
  })

  test('let gh verify the attestation of what they deploy, and skip that only where there are none', () => {
    const { workflow } = named('deploy.yml')
    const { plan, deploy } = workflow.jobs
    const choosing = [plan, deploy].flatMap((job) => {
      expect((job?.permissions ?? workflow.permissions).attestations).toBe('read')
      const steps = (job?.steps ?? []).map((step) => ({
        ...step,
        env: { ...job?.env, ...step.env },
      }))
      return steps.filter(({ run }) => /scripts\/(deploy|bump) "/.test(run ?? ''))
    })
    expect(choosing).toHaveLength(3)
    const unattested = (text = '') => text.slice(4, -3)
    const asked = unattested(plan?.outputs?.unattested)
    expect(asked).toBe("steps.aws.outputs.attestations == 'false' && '--unattested' || ''")
    for (const { run, env } of choosing) {
      expect([asked, 'needs.plan.outputs.unattested']).toContain(unattested(env?.UNATTESTED))
      expect(env?.GH_TOKEN).toMatch(/^\$\{\{ github\.token \}\}$/)
      expect(run).toMatch(/scripts\/(deploy|bump) "\$RELEASE".* \$\{UNATTESTED:\+"\$UNATTESTED"\}/)
    }
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
      const environment = { ...process.env, RELEASE, GITHUB_OUTPUT: output, GITHUB_ENV: output }
      const { code } = await run(command, { cwd: root, env: environment })
      return code === 0 ? readFileSync(output, 'utf8') : existsSync(output)
    }
    const head = (await run(['git', 'rev-parse', 'HEAD'], { cwd: root })).output.trim()
    expect(await found('HEAD')).toBe(`commit=${head}\nRELEASE=${head}\n`)
    for (const option of ['--unattested', '--all', '--previous', '-h'])
      expect(await found(option), option).toBe(false)
  })

  test('propose the release file in a pull request, and push nothing to main', async () => {
    const { deploy, propose } = named('deploy.yml').workflow.jobs
    for (const job of [deploy, propose]) {
      const checkout = job?.steps?.find(({ uses }) => uses?.startsWith('actions/checkout'))
      // By its full name: anyone who may push could make a tag called main, of commits that nobody has reviewed.
      expect(checkout?.with?.ref).toBe('refs/heads/main')
    }
    expect(propose?.if).toStartWith('always() && ')
    const file = 'terraform/release.auto.tfvars.json'
    const kept = deploy?.steps?.find((step) => step.with?.path === file)
    expect(kept?.if).toBe('always()')
    const taken = propose?.steps?.find((step) => step.with?.name === kept?.with?.name)
    expect(taken?.with?.path).toBe('terraform')
    const script = propose?.steps?.find(({ run }) => run?.includes('git push'))?.run as string

    using folder = temporaryFolder()
    const at = (name: string) => join(folder.path, name)
    const git = async (of: string, ...args: string[]) => {
      const as = ['-c', 'user.name=test', '-c', 'user.email=test@example.com']
      const { code, output } = await run(['git', ...as, '-C', at(of), ...args], {
        cwd: folder.path,
      })
      if (code !== 0) throw new Error(output)
      return output.trim()
    }
    await git('.', 'init', '--quiet', '--bare', '--initial-branch=main', 'origin')
    await git('.', 'clone', '--quiet', at('origin'), 'job')
    await Bun.write(join(at('job'), file), 'old')
    await git('job', 'add', '.')
    await git('job', 'commit', '--quiet', '--message', 'first')
    await git('job', 'push', '--quiet', 'origin', 'HEAD:main')
    const summary = at('summary')
    writeFileSync(summary, '')
    mkdirSync(at('bin'))
    stubCommand(at('bin'), 'gh', `#!/bin/sh\necho "$*" >>'${at('calls')}'\n`)
    const proposing = () =>
      run(['bash', '-eo', 'pipefail', '-c', script], {
        cwd: at('job'),
        env: {
          ...process.env,
          RELEASE: 'a'.repeat(40),
          GITHUB_RUN_ID: '7',
          GITHUB_STEP_SUMMARY: summary,
          PATH: `${at('bin')}:${process.env.PATH}`,
        },
      })
    expect(await proposing()).toMatchObject({ code: 0, output: '' })
    expect(existsSync(at('calls'))).toBe(false)
    await Bun.write(join(at('job'), file), 'new')
    expect((await proposing()).code).toBe(0)
    expect(await git('origin', 'log', '--format=%s', 'refs/heads/main')).toBe('first')
    expect(await git('origin', 'show', `refs/heads/ship/aaaaaaaaaaaa-7:${file}`)).toBe('new')
    expect(readFileSync(at('calls'), 'utf8')).toStartWith(
      'pr create --base main --head ship/aaaaaaaaaaaa-7 --title Ship aaaaaaaaaaaa ',
    )
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
    expect(github).toMatch(/deploy = \{ context = "environment:\$\{var\.environment\}",/)
    expect(github).toMatch(/rollback = \{ context = "environment:\$\{var\.environment\}-rollback",/)
    const variables = readFileSync(join(root, 'terraform/bootstrap/variables.tf'), 'utf8')
    expect(variables).toContain(
      `default     = "${named('deploy.yml').workflow.jobs.deploy?.environment}"`,
    )
  })
})
