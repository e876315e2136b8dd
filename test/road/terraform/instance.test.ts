import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Ajv from 'ajv-draft-04'
import { MAX_HEALTHY, MIN_HEALTHY } from '../../../scripts/lib/rollout/options.ts'
import { root, service } from '../../../scripts/lib/service.ts'
import { loadConfig } from '../../../src/config/config.ts'
import { LOG_LEVELS } from '../../../src/telemetry/log.ts'
import { run } from '../../lab/support/command.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import { providerEnvironment, Workspace } from '../../lab/support/terraform.ts'
import { agentSource } from './agent-source.ts'

// The first run builds the provider.
setDefaultTimeout(300_000)

const agent = await agentSource()

const INSTANCE = 'i-0123456789abcdef0'
const RELEASE = '1'.repeat(40)
/** The group's name in terraform test. */
const MOCKED = `${service.name}-mocked`

describe('the user data', () => {
  const folder = temporaryFolder()
  const out = join(folder.path, 'out')
  const read = (path: string) => readFileSync(join(out, path), 'utf8')
  let script: string
  let calls: string

  beforeAll(async () => {
    script = await renderedUserData()
    calls = await runOnAnInstance(script)
  })
  afterAll(() => folder[Symbol.dispose]())

  test('is within the size limit of EC2, and a valid script', async () => {
    expect(Buffer.byteLength(script)).toBeLessThan(16_384)
    const { code, output } = await run(['shellcheck', join(out, 'user-data.sh')], { cwd: root })
    expect(output).toBe('')
    expect(code).toBe(0)
  })

  test('references secrets by name and contains none', () => {
    expect(script).toContain(`REDIS_PASSWORD=ssm:/${service.name}/mocked/redis-password`)
    expect(script).toContain(`TOKENS=ssm:/${service.name}/mocked/tokens`)
    expect(script).not.toContain('correct horse battery staple')
  })

  test('writes an environment file that the service accepts', async () => {
    const env = Object.fromEntries(
      read('app/app.env')
        .trim()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
    expect(env).toMatchObject({
      PORT: String(service.port),
      ENVIRONMENT: 'mocked',
      INSTANCE_ID: INSTANCE,
    })
    const config = await loadConfig(
      { port: Number(env.PORT), environment: String(env.ENVIRONMENT) },
      { ...env, TOKENS: `write:${'0'.repeat(64)}`, REDIS_PASSWORD: 'x', AWS_REGION: 'eu-west-1' },
    )
    expect(config.redis).toMatchObject({ mode: 'cluster', tls: true, username: MOCKED })
    expect(config.instanceId).toBe(INSTANCE)
  })

  test('accepts the log levels that the service knows', () => {
    const variables = readFileSync(join(root, 'terraform/variables.tf'), 'utf8')
    const levels = LOG_LEVELS.map((level) => `"${level}"`).join(', ')
    expect(variables).toContain(`contains([${levels}], var.log_level)`)
  })

  test('ships the journal to a stream for this instance and release', () => {
    const { logs } = JSON.parse(read('agent/app.json'))
    expect(logs.logs_collected.files.collect_list).toEqual([
      {
        file_path: '/var/log/app/journal.jsonl',
        log_group_name: `/${service.name}/mocked/journal`,
        log_stream_name: `${INSTANCE}/${RELEASE}`,
      },
    ])
    expect(read('units/app-journal.service')).toContain('append:/var/log/app/journal.jsonl')
  })

  test('writes units that pass systemd-analyze verify', async () => {
    const units = readdirSync(join(out, 'units')).map((name) => join(out, 'units', name))
    expect(units).toHaveLength(3)
    const { output } = await run(['systemd-analyze', 'verify', '--man=no', ...units], { cwd: root })
    expect(output.split('\n').filter((line) => line.includes('app-journal'))).toEqual([])
  })

  sayWhatIsLeftOut('the schema of the CloudWatch agent', agent.reason)
  test.skipIf(agent.reason !== undefined)(
    'configures the agent as its own schema wants it, and the agent enables itself',
    async () => {
      const from = (path: string) => readFileSync(join(agent.folder as string, path), 'utf8')
      // Not strict: the schema has keywords that draft 4 does not know.
      const validate = new Ajv({ strict: false, allErrors: true }).compile(
        JSON.parse(from('translator/config/schema.json')),
      )
      validate(JSON.parse(read('agent/app.json')))
      expect(validate.errors).toBeNull()
      // After a reboot only the unit brings it back; the stand-in on the booted image does the same.
      const control = from('packaging/dependencies/amazon-cloudwatch-agent-ctl')
      expect(control).toMatch(/systemctl enable "\$\{agent_name\}\.service"/)
      const unit = from('packaging/dependencies/amazon-cloudwatch-agent.service')
      expect(unit).toContain('WantedBy=multi-user.target')
    },
  )

  test('does not wait for logging, which would delay the workers', () => {
    const started = calls.split('\n').filter((line) => /^(systemctl enable|systemd-run)/.test(line))
    expect(started).toHaveLength(2)
    for (const line of started) expect(line).toContain('--no-block')
    expect(started[1]).toContain('amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s')
  })

  async function renderedUserData(): Promise<string> {
    using workspace = new Workspace(await providerEnvironment())
    await workspace.terraform(['init', '-backend=false'])
    const filter = '-filter=tests/invariants.tftest.hcl'
    const { output } = await workspace.terraform(['test', '-no-color', '-verbose', filter])
    const encoded = / user_data += "([\w+/=]+)"/.exec(output)?.[1] ?? ''
    return Buffer.from(encoded, 'base64').toString()
  }

  /** Runs it on throw-away overlays of /etc, /opt and /var; returns the commands it called. */
  async function runOnAnInstance(script: string): Promise<string> {
    const bin = join(folder.path, 'bin')
    for (const path of [out, bin]) mkdirSync(path)
    writeFileSync(join(out, 'user-data.sh'), script)
    stubCommand(
      bin,
      'curl',
      `#!/bin/sh\ncase "$*" in *api/token*) echo TOKEN ;; *"X-aws-ec2-metadata-token: TOKEN"*instance-id*) echo ${INSTANCE} ;; *) exit 22 ;; esac\n`,
    )
    for (const name of ['systemctl', 'systemd-run']) {
      stubCommand(bin, name, `#!/bin/sh\necho "${name} $*" >>'${out}/calls'\n`)
    }
    const around = `set -e
mount -t tmpfs tmpfs '${bin}/../mnt'
for each in etc opt var; do
  mkdir -p '${bin}/../mnt/'$each/upper '${bin}/../mnt/'$each/work
  mount -t overlay overlay -o lowerdir=/$each,upperdir='${bin}/../mnt/'$each/upper,workdir='${bin}/../mnt/'$each/work /$each
done
mkdir -p /etc/app && echo ${RELEASE} >/etc/app/release
PATH='${bin}':$PATH bash '${out}/user-data.sh'
mkdir '${out}/units' '${out}/agent' && cp -r /etc/app '${out}/app'
cp /etc/systemd/system/app-journal* '${out}/units' && cp /opt/aws/amazon-cloudwatch-agent/etc/app.json '${out}/agent'`
    mkdirSync(join(folder.path, 'mnt'))
    const isRoot = process.getuid?.() === 0
    const { code, output } = await run(
      // Root needs no user namespace, and could not create one in a chroot.
      ['unshare', ...(isRoot ? [] : ['--map-root-user']), '--mount', 'sh', '-c', around],
      { cwd: root },
    )
    if (code !== 0) throw new Error(output)
    return read('calls')
  }
})

describe('the SSM documents', () => {
  const folder = join(root, 'terraform/documents')
  const documents = readdirSync(folder)
    .sort()
    .map((name) => {
      const text = readFileSync(join(folder, name), 'utf8').replaceAll(/\$\{\w+\}/g, MOCKED)
      return { name: name.replace('.yaml', ''), document: Bun.YAML.parse(text) as Document }
    })
  const of = (version: string) =>
    documents.filter(({ document }) => document.schemaVersion === version)

  test('are commands on an instance, or automations', () => {
    expect(of('2.2').map(({ name }) => name)).toEqual([
      'bundle',
      'checksum',
      'compare',
      'logs',
      'reload',
      'restart',
      'status',
      'traffic',
    ])
    expect(of('0.3').map(({ name }) => name)).toEqual([
      'discard',
      'drain',
      'replace',
      'rollback',
      'undrain',
    ])
  })

  test('accept no parameter value that a shell could interpret', () => {
    for (const { name, document } of documents) {
      for (const [parameter, { allowedPattern, allowedValues }] of Object.entries(
        document.parameters ?? {},
      )) {
        expect(allowedPattern ?? allowedValues, `${name} ${parameter}`).toBeDefined()
        if (!allowedPattern) continue
        for (const attack of ["'; reboot; '", '$(reboot)', '`reboot`', 'a\nreboot', '"', '\\']) {
          expect(attack, `${name} ${parameter}`).not.toMatch(new RegExp(allowedPattern))
        }
      }
    }
  })

  test('log what was done to the journal', () => {
    for (const { name, document } of of('2.2')) {
      const line = `logger -t app-ops ${name === 'logs' || name === 'bundle' ? "'" : ''}${name}`
      // A rollout asks for the traffic every few seconds.
      if (name === 'traffic') expect(scriptOf(document)).not.toContain('logger')
      else expect(scriptOf(document)).toContain(line)
    }
  })

  test('are shell scripts that pass shellcheck', async () => {
    using temporary = temporaryFolder()
    for (const { name, document } of of('2.2')) {
      const path = join(temporary.path, `${name}.sh`)
      writeFileSync(path, `#!/bin/sh\n${scriptOf(document)}`)
      // defaults.env exists only on the instance.
      const { output } = await run(['shellcheck', '--exclude', 'SC1091', path], {
        cwd: temporary.path,
      })
      expect(output).toBe('')
    }
  })

  test('keep a bundle within the output limit of Run Command', () => {
    const bundle = documents.find(({ name }) => name === 'bundle')?.document as Document
    const limits = scriptOf(bundle).match(/(?:head|tail) -c \d+/g) ?? []
    const total = limits.reduce((sum, limit) => sum + Number(limit.split(' ')[2]), 0)
    expect(total).toBeLessThan(24_000)
    expect(total).toBeGreaterThan(20_000)
  })

  test('roll back this group alone, to a version of its own template, as scripts/rollout does', () => {
    const { document } = documents.find(({ name }) => name === 'rollback') as { document: Document }
    expect(document.assumeRole).toBe(MOCKED)
    expect(Object.keys(document.parameters ?? {})).toEqual(['LaunchTemplateVersion'])
    expect(document.mainSteps.map(({ inputs }) => inputs)).toEqual([
      {
        Service: 'autoscaling',
        Api: 'StartInstanceRefresh',
        AutoScalingGroupName: MOCKED,
        DesiredConfiguration: {
          LaunchTemplate: { LaunchTemplateId: MOCKED, Version: '{{ LaunchTemplateVersion }}' },
        },
        Preferences: {
          MinHealthyPercentage: MIN_HEALTHY,
          MaxHealthyPercentage: MAX_HEALTHY,
          SkipMatching: true,
          AutoRollback: false,
          BakeTime: 0,
          StandbyInstances: 'Ignore',
          ScaleInProtectedInstances: 'Refresh',
        },
      } as unknown as Document['mainSteps'][0]['inputs'],
    ])
  })

  test('drain and undrain act only on this group, with their own role', () => {
    for (const { document } of of('0.3').filter(({ name }) => name.endsWith('drain'))) {
      expect(document.assumeRole).toBe(MOCKED)
      expect(document.parameters?.AutoScalingGroupName?.allowedValues).toEqual([MOCKED])
      expect(document.mainSteps.map(({ action }) => action)).toEqual([
        'aws:executeAwsApi',
        'aws:waitForAwsResourceProperty',
      ])
    }
  })

  test('discard ends nothing but what is drained', () => {
    const discard = of('0.3').find(({ name }) => name === 'discard')
    expect(discard?.document.mainSteps).toMatchObject([
      { action: 'aws:assertAwsResourceProperty', inputs: { DesiredValues: ['Standby'] } },
      { action: 'aws:executeAwsApi', inputs: { Api: 'TerminateInstanceInAutoScalingGroup' } },
    ])
  })
})

interface Document {
  schemaVersion: string
  assumeRole?: string
  parameters?: Record<string, { allowedPattern?: string; allowedValues?: string[] }>
  mainSteps: { action: string; inputs: { runCommand?: string[] } }[]
}

function scriptOf({ mainSteps }: Document): string {
  return mainSteps.flatMap(({ inputs }) => inputs.runCommand ?? []).join('\n')
}
