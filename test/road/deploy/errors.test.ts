import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { classifyError, explain, isTransient } from '../../../scripts/lib/aws/errors.ts'
import { denied, expired, type Fault, throttled } from '../../lab/aws-double/faults.ts'
import type { Ran } from '../../lab/support/command.ts'
import { freePort } from '../../lab/support/process.ts'
import { NEW, QUICK, type Scene, startScene, toNew } from './fixtures/scene.ts'
import { PATIENCE_MS, runScript } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

let scene: Scene
let folder: string
beforeAll(async () => {
  scene = await startScene({ instances: 1 })
  folder = await mkdtemp(join(tmpdir(), 'errors-test-'))
})
afterEach(() => scene.double.faults.clear())
afterAll(async () => {
  await scene.stop()
  await rm(folder, { recursive: true, force: true })
})

/** The commands that call AWS, each with valid arguments. */
const VERBS: [string, () => string[]][] = [
  ['rollout', () => toNew(scene)],
  ['rollout', () => ['status']],
  ['ops', () => ['status']],
  ['bump', () => [NEW, '--file', join(folder, 'release.json')]],
]

/** Runs a command that fails; expects one line on stderr, and no stack trace. */
async function complaint(
  verb: string,
  args: string[],
  env: Record<string, string>,
): Promise<Pick<Ran, 'code' | 'err'>> {
  const { code, err, out } = await runScript(verb, args, {
    ...QUICK,
    AWS_MAX_ATTEMPTS: '2',
    ...env,
  })
  expect(err + out).not.toMatch(/^\s+at |\.ts:\d+/m)
  expect(err.trim().split('\n')).toHaveLength(1)
  expect(err).toStartWith(`${verb}: `)
  return { code, err }
}

/** The credentials of those who run a script. */
const envOf = (verb: string): Record<string, string> =>
  verb === 'ops' ? scene.as('operator') : scene.env

const without = (verb: string, ...names: string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(envOf(verb)).filter(([name]) => !names.includes(name)))

describe.each(VERBS)('%s', (verb, args) => {
  test('says how to sign in when credentials are missing', async () => {
    const env = without(verb, 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY')
    const { code, err } = await complaint(verb, args(), env)
    expect(code).toBe(1)
    expect(err).toContain('AWS credentials are missing or not accepted')
    expect(err).toContain('aws sso login')
    const named = await complaint(verb, args(), { ...env, AWS_PROFILE: 'nope' })
    expect(named.err).toContain("AWS credentials of the profile 'nope' (AWS_PROFILE) are missing")
  })

  test('says so when credentials have expired', async () => {
    scene.double.faults.add(/./, expired)
    const { code, err } = await complaint(verb, args(), envOf(verb))
    expect(code).toBe(1)
    expect(err).toContain('The AWS credentials have expired')
  })

  test('asks for a region when there is none', async () => {
    const { code, err } = await complaint(verb, args(), without(verb, 'AWS_REGION'))
    expect(code).toBe(1)
    expect(err).toContain('Pass --region NAME or set AWS_REGION')
  })

  test('names the action that was denied', async () => {
    scene.double.faults.add(/Describe/, denied('some:Action'))
    const { code, err } = await complaint(verb, args(), envOf(verb))
    expect(code).toBe(1)
    expect(err).toContain('AWS denied access')
    expect(err).toContain('not authorized to perform: some:Action')
  })

  test('names the endpoint that cannot be reached', async () => {
    const AWS_ENDPOINT_URL = `http://127.0.0.1:${freePort()}`
    const { code, err } = await complaint(verb, [...args()], {
      ...envOf(verb),
      AWS_ENDPOINT_URL,
      HELLO_ROLLOUT_PATIENCE_SECONDS: '0',
    })
    expect(code).toBe(1)
    expect(err).toContain(`AWS cannot be reached at ${AWS_ENDPOINT_URL}`)
  })

  test('says so when AWS throttles longer than it retries', async () => {
    scene.double.faults.add(/./, throttled)
    const { code, err } = await complaint(verb, args(), {
      ...envOf(verb),
      HELLO_ROLLOUT_PATIENCE_SECONDS: '0',
    })
    expect(code).toBe(1)
    expect(err).toContain('AWS is throttling')
  })
})

test.each(['rollout', 'ops', 'bump', 'deploy', 'smoke'])(
  '%s --help lists its exit codes and exits with 0',
  async (verb) => {
    const { code, out, err } = await runScript(verb, ['--help'])
    expect(code).toBe(0)
    expect(err).toBe('')
    expect(out).toStartWith(`usage: scripts/${verb}`)
    expect(out).toContain('exit codes: 0 ')
  },
)

describe('an unknown group', () => {
  test.each([
    ['rollout', (): string[] => toNew(scene)],
    ['rollout', () => ['watch']],
    ['rollout', () => ['cancel']],
    ['rollout', () => ['rollback']],
    ['ops', () => ['logs']],
  ])('is named by %s', async (verb, args) => {
    const named = [...args(), '--group', `${name}-staging`]
    const { code, err } = await complaint(verb, named, envOf(verb))
    expect(code).toBe(1)
    expect(err).toContain(`there is no Auto Scaling group '${name}-staging'`)
    expect(err).toContain('Check --group and --region')
  })
})

describe('a call', () => {
  test.each([
    ['Throttling', '', {}, 'throttled', true],
    ['RequestLimitExceeded', '', {}, 'throttled', true],
    ['Error', 'connect', { code: 'ECONNREFUSED' }, 'network', true],
    ['TimeoutError', '', {}, 'network', true],
    ['InternalFailure', '', { $metadata: { httpStatusCode: 500 } }, 'other', true],
    ['UnauthorizedOperation', '', {}, 'denied', false],
    ['UnrecognizedClientException', '', {}, 'credentials', false],
    ['CredentialsProviderError', 'The SSO session has expired', {}, 'expired', false],
    ['ValidationError', 'AutoScalingGroup name not found - x', {}, 'group', false],
    ['ValidationError', 'something else', {}, 'other', false],
  ] as const)(
    'that fails with %s (%s, %j) is classified as %s',
    (name, message, extra, kind, again) => {
      const error = Object.assign(new Error(message), { name }, extra)
      expect<string>(classifyError(error)).toBe(kind)
      expect(isTransient(error)).toBe(again)
      expect(explain(error)).not.toContain('\n')
    },
  )
})

test('the SDK reports a fault of the double as it does AWS’s own', async () => {
  const faults: [string, Fault, string][] = [
    ['rollout', expired, 'security token included in the request is expired'],
    ['ops', denied('ssm:SendCommand'), 'ssm:SendCommand'],
  ]
  for (const [verb, fault, text] of faults) {
    scene.double.faults.add(/DescribeAutoScalingGroups/, fault)
    expect((await complaint(verb, ['status'], envOf(verb))).err).toContain(text)
    scene.double.faults.clear()
  }
})
