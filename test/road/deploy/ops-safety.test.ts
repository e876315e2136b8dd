import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { throttled } from '../../lab/aws-double/faults.ts'
import { commands } from '../../lab/aws-double/wire/json.ts'
import { ended, type Ran } from '../../lab/support/command.ts'
import { GROUP, OLD_IMAGE, type Scene, startScene, until } from './fixtures/scene.ts'
import { PATIENCE_MS, runScript, spawnScript } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

let scene: Scene
beforeAll(async () => {
  scene = await startScene({ role: 'operator', behaviours: { [OLD_IMAGE]: { restartMs: 100 } } })
})
afterAll(async () => await scene.stop())

const OPTIONS = ['--poll-seconds', '0.05', '--reason', 'test']

const ops = async (...args: string[]): Promise<Ran> =>
  await runScript('ops', [...args, ...OPTIONS], scene.env)

/** Without the SDK's own retries, which take their time. */
const oneAttempt = () => ({ ...scene.env, AWS_MAX_ATTEMPTS: '1' })

const first = (): string =>
  scene.plane.instances.find(({ lifecycle }) => lifecycle === 'InService')?.id ?? ''

test('a restart resumes health checks despite throttling', async () => {
  scene.double.faults.add(/^ResumeProcesses$/, throttled, 3)
  const { code } = await runScript('ops', ['restart', first(), ...OPTIONS], oneAttempt())
  scene.double.faults.clear()
  expect(code).toBe(0)
  expect(scene.plane.group.suspended.size).toBe(0)
})

test('a restart that cannot resume health checks says how to do so', async () => {
  scene.double.faults.add(/^ResumeProcesses$/, { kind: 'error', code: 'AccessDenied', message: '' })
  const { code, err } = await ops('restart', first())
  scene.double.faults.clear()
  expect(code).toBe(4)
  expect(err).toContain(
    `aws autoscaling resume-processes --auto-scaling-group-name ${GROUP} --scaling-processes HealthCheck`,
  )
  expect((await ops('status')).out).toContain('suspended   HealthCheck')
  scene.plane.group.suspended.clear()
})

test('an interrupted restart finishes with its instance and resumes health checks', async () => {
  const sent = commands(scene.plane).length
  const child = spawnScript('ops', ['restart', ...OPTIONS], scene.env)
  await until(() => commands(scene.plane).length > sent, 'the first instance restarts')
  child.kill('SIGINT')
  const { code, err } = await ended(child)
  expect(code).toBe(130)
  expect(err).toContain(`${first()}: restarting (1 of 3)\n${first()}: healthy\n`)
  expect(err).not.toContain('(3 of 3)')
  expect(scene.plane.group.suspended.size).toBe(0)
})

test('a restart resumes health checks that it suspended without getting an answer', async () => {
  scene.double.faults.add(/^SuspendProcesses$/, { kind: 'lose' })
  const { code } = await runScript('ops', ['restart', ...OPTIONS], oneAttempt())
  scene.double.faults.clear()
  expect(code).toBe(1)
  expect(scene.double.calls).toContain('SuspendProcesses')
  expect(scene.plane.group.suspended.size).toBe(0)
})

test('a restart that is throttled while it waits for health goes on', async () => {
  const id = first()
  const child = spawnScript('ops', ['restart', id, ...OPTIONS], oneAttempt())
  await until(() => scene.plane.group.suspended.has('HealthCheck'), 'the restart has begun')
  scene.double.faults.add(/^DescribeAutoScalingGroups$/, throttled, 3)
  const { code, err } = await ended(child)
  scene.double.faults.clear()
  expect(code).toBe(0)
  expect(err).toContain('no answer from AWS yet, trying again in ')
  expect(err).toContain(`${id}: healthy`)
})

test("undrain beyond the group's maximum size fails with what AWS says", async () => {
  const id = first()
  const { group } = scene.plane
  const { maxSize } = group
  expect((await ops('drain', id)).code).toBe(0)
  group.maxSize = group.desired
  const { code, err } = await ops('undrain', id)
  group.maxSize = maxSize
  expect(code).toBe(4)
  expect(err).toBe(
    `ops: undrain of ${id}: Failed. ExitStandby failed: the instances would increase the group beyond its maximum size.\n`,
  )
  expect(scene.plane.instance(id).lifecycle).toBe('Standby')
})

test('undrain does not put an old release back into service', async () => {
  const id = first()
  expect((await ops('drain', id)).code).toBe(0)
  scene.plane.group.version = 2
  const { code, err } = await ops('undrain', id)
  scene.plane.group.version = 1
  expect(code).toBe(1)
  expect(err).toContain(`${id} has launch template version 1, and ${GROUP} runs version 2`)
  await until(() => scene.plane.instance(id).lifecycle === 'Standby', 'it is still on standby')
})
