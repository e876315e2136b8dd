import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AutoScalingClient, StartInstanceRefreshCommand } from '@aws-sdk/client-auto-scaling'
import { EC2Client } from '@aws-sdk/client-ec2'
import type { Aws } from '../../../scripts/lib/aws/clients.ts'
import { listImages, listVersions } from '../../../scripts/lib/fleet/images.ts'
import { listRefreshes } from '../../../scripts/lib/fleet/refresh.ts'
import { denied, throttled } from '../../lab/aws-double/faults.ts'
import { commands } from '../../lab/aws-double/wire/json.ts'
import { ended, type Ran } from '../../lab/support/command.ts'
import {
  credentialsOf,
  GROUP,
  NEW_IMAGE,
  OLD,
  OLD_IMAGE,
  type Scene,
  startScene,
  TEMPLATE,
  until,
} from './fixtures/scene.ts'
import { PATIENCE_MS, runScript, spawnScript } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

const SIZE = 120

const ANSWERS = {
  status: { exitCode: 0, stdout: `release=${OLD}\nhealth=200\n`, stderr: '' },
  logs: { exitCode: 0, stdout: 'one\n', stderr: '' },
}

let scene: Scene
beforeAll(async () => {
  scene = await startScene({
    role: 'operator',
    instances: SIZE,
    behaviours: { [OLD_IMAGE]: { commands: ANSWERS } },
  })
})
afterEach(() => {
  scene.double.faults.clear()
  scene.plane.pageSize = Number.POSITIVE_INFINITY
  scene.behave(OLD_IMAGE, { commands: ANSWERS })
})
afterAll(async () => await scene.stop())

/** What one run of `ops` made of AWS. */
interface Traffic extends Ran {
  /** The instances of each command, in the order of the commands. */
  batches: string[][]
  called: (action: string) => number
}

/** Without the SDK's own retries, so that the script's are what is tested. */
async function ops(...args: string[]): Promise<Traffic> {
  const sentBefore = commands(scene.plane).length
  const callsBefore = scene.double.calls.length
  const ran = await runScript('ops', [...args, '--poll-seconds', '0.05'], {
    ...scene.env,
    AWS_MAX_ATTEMPTS: '1',
  })
  const sent = Object.groupBy(commands(scene.plane).slice(sentBefore), ({ CommandId }) => CommandId)
  const calls = scene.double.calls.slice(callsBefore)
  return {
    ...ran,
    batches: Object.values(sent).map((batch = []) => batch.map(({ InstanceId }) => InstanceId)),
    called: (action) => calls.filter((each) => each === action).length,
  }
}

const ids = (): string[] => scene.plane.instances.map(({ id }) => id)

const answered = (out: string): number => out.match(/ healthy +200 +10\./g)?.length ?? 0

test('120 instances are asked with three commands, and each answer is read once', async () => {
  const { code, out, err, batches, called } = await ops('status')
  expect(code).toBe(0)
  expect(err).toBe('')
  expect(batches.map(({ length }) => length)).toEqual([50, 50, 20])
  expect(batches.flat()).toEqual(ids())
  expect(called('GetCommandInvocation')).toBe(SIZE)
  expect(answered(out)).toBe(SIZE)
  expect(out).toContain(`in service  ${SIZE} aaaaaaaaaaaa; healthy: ${SIZE}\n`)
})

test('one instance unknown to SSM is reported, last, and all others are asked once', async () => {
  const stranger = scene.plane.instances[60]
  const address = stranger?.privateIp
  if (!stranger || !address) throw new Error('the fleet is too small')
  delete stranger.privateIp
  const { code, out, err, batches } = await ops('status')
  const journals = await ops('logs')
  stranger.privateIp = address
  expect(code).toBe(0)
  expect(err.trim().split('\n')).toHaveLength(1)
  expect(err).toContain(`${stranger.id} could not be asked over SSM: `)
  expect(answered(out)).toBe(SIZE - 1)
  expect(out.trimEnd().split('\n').at(-1)).toStartWith(stranger.id)
  const others = ids().filter((id) => id !== stranger.id)
  expect(batches.flat()).toEqual(others)
  // Two batches whole, and the third in halves: 25, 12 or 13, 6 or 7, 3 or 4, 1 or 2, 1.
  expect(batches.length).toBeLessThanOrEqual(2 + 6)
  expect(journals.code).toBe(4)
  expect(journals.err).toContain(`${stranger.id}: logs ended with status not asked`)
  expect(journals.out).toBe(others.map((id) => `${id} one\n`).join(''))
})

test('throttled calls are retried until every instance has answered', async () => {
  const { faults } = scene.double
  faults.add(/^SendCommand$/, throttled, 4)
  faults.add(/^ListCommandInvocations$/, throttled, 4)
  faults.add(/^GetCommandInvocation$/, throttled, SIZE + 30)
  const { code, out, err, batches } = await ops('status')
  expect(code).toBe(0)
  expect(answered(out)).toBe(SIZE)
  expect(batches.flat()).toEqual(ids())
  expect(err).toContain('no answer from AWS yet, trying again in ')
})

test('a command that is denied keeps nothing from the other batches', async () => {
  scene.double.faults.add(/^SendCommand$/, denied('ssm:SendCommand'), 1)
  const { code, out, err, batches } = await ops('status')
  expect(code).toBe(0)
  expect(batches.map(({ length }) => length)).toEqual([50, 20])
  expect(answered(out)).toBe(SIZE - 50)
  for (const id of ids().slice(0, 50)) {
    expect(err).toContain(`${id} could not be asked over SSM: AWS denied access: `)
  }
})

test('whoever may not list invocations still gets every answer', async () => {
  scene.double.faults.add(/^ListCommandInvocations$/, denied('ssm:ListCommandInvocations'))
  const { code, out } = await ops('logs')
  expect(code).toBe(0)
  expect(out).toBe(
    ids()
      .map((id) => `${id} one\n`)
      .join(''),
  )
})

test('an answer that cannot be read is not taken for a command that was not sent', async () => {
  scene.double.faults.add(/^GetCommandInvocation$/, denied('ssm:GetCommandInvocation'), 1)
  const { code, out, err } = await ops('logs')
  expect(code).toBe(4)
  expect(err).toMatch(/^i-[0-9a-f]{17}: logs ended with status unknown AWS denied access: /)
  expect(err).not.toContain('not asked')
  expect(out.trim().split('\n')).toHaveLength(SIZE - 1)
})

test('long waits are told on stderr, and so is what has not ended in time', async () => {
  scene.behave(OLD_IMAGE, { commands: ANSWERS, commandMs: 5_000 })
  const { code, out, err } = await ops('logs', '--timeout-seconds', '1')
  expect(code).toBe(4)
  expect(out).toBe('')
  expect(err).toContain(`logs: 0 of ${SIZE} instances have answered\n`)
  for (const id of ids()) expect(err).toContain(`${id}: logs ended with status Cancelled\n`)
})

test('Ctrl-C ends a wait for answers at once', async () => {
  scene.behave(OLD_IMAGE, { commands: ANSWERS, commandMs: 10_000 })
  const before = commands(scene.plane).length
  const child = spawnScript('ops', ['status'], scene.env)
  await until(() => commands(scene.plane).length === before + SIZE, 'all are asked')
  const interrupted = Date.now()
  child.kill('SIGINT')
  expect((await ended(child)).code).toBe(130)
  expect(Date.now() - interrupted).toBeLessThan(5_000)
})

test('instances and invocations that AWS lists in pages are read to the end', async () => {
  scene.plane.pageSize = 7
  const { out, called } = await ops('status')
  expect(called('DescribeInstances')).toBe(Math.ceil(SIZE / 7))
  expect(answered(out)).toBe(SIZE)
})

test('images, launch template versions and refreshes are read to the last page', async () => {
  const options = {
    endpoint: scene.double.url,
    region: 'eu-west-1',
    credentials: credentialsOf('deploy'),
  }
  const ec2 = new EC2Client(options)
  const autoScaling = new AutoScalingClient(options)
  const aws = { ec2, autoScaling } as Aws
  for (let times = 0; times < 2; times++) {
    await autoScaling.send(
      new StartInstanceRefreshCommand({
        AutoScalingGroupName: GROUP,
        Preferences: { SkipMatching: true },
      }),
    )
    await until(() => !scene.plane.running, 'the refresh has ended')
  }
  scene.plane.pageSize = 1
  expect((await listImages(aws)).map(({ id }) => id)).toEqual([NEW_IMAGE, OLD_IMAGE])
  expect((await listVersions(aws, TEMPLATE)).map(({ number }) => number)).toEqual([2, 1])
  expect(await listRefreshes(aws, GROUP)).toHaveLength(2)
})

test('a bundle has a file for each instance', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ops-scale-'))
  const { code, out, batches } = await ops('bundle', '--out', folder, '--reason', 'post-mortem')
  const files = await readdir(folder)
  await rm(folder, { recursive: true })
  expect(code).toBe(0)
  expect(batches).toHaveLength(3)
  expect(files.toSorted()).toEqual(
    ids()
      .map((id) => `${id}.txt`)
      .toSorted(),
  )
  expect(out.trim().split('\n')).toHaveLength(SIZE)
})

test('an instance named twice is asked once, and all 24,000 characters that SSM keeps are printed', async () => {
  const stdout = `${'x'.repeat(23_999)}\n`
  scene.behave(OLD_IMAGE, { commands: { logs: { exitCode: 0, stdout, stderr: '' } } })
  const [id = ''] = ids()
  const { out, batches } = await ops('logs', id, id)
  expect(batches).toEqual([[id]])
  expect(out).toBe(stdout)
})
