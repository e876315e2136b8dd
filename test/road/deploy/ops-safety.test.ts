import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { nextStart } from '../../../scripts/lib/ops/restart.ts'
import { accountOf } from '../../lab/aws-double/account.ts'
import { denied, throttled } from '../../lab/aws-double/faults.ts'
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

const OPTIONS = ['--poll-seconds', '0.05', '--reason', 'test', '--unspaced']

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

test('a restart leaves health checks suspended that somebody else has suspended', async () => {
  scene.plane.group.suspended.add('HealthCheck')
  const { code } = await ops('restart', first())
  const suspended = [...scene.plane.group.suspended]
  scene.plane.group.suspended.clear()
  expect(code).toBe(0)
  expect(suspended).toEqual(['HealthCheck'])
})

test('a restart that an agent does not take in time is cancelled, and exits with 5', async () => {
  const { offline } = accountOf(scene.plane)
  offline.add(first())
  const { code, err } = await ops('restart', '--timeout-seconds', '1')
  offline.clear()
  expect(err).toContain(`${first()} did not restart in time, and the command was given up`)
  expect(code).toBe(5)
  expect(commands(scene.plane).at(-1)).toMatchObject({ Status: 'Cancelled', Timeout: 30 })
  expect(scene.plane.group.suspended.size).toBe(0)
})

test('a command that cannot be cancelled is named', async () => {
  const { offline } = accountOf(scene.plane)
  offline.add(first())
  scene.double.faults.add(/^CancelCommand$/, denied('ssm:CancelCommand'))
  const { err } = await ops('logs', '--timeout-seconds', '1')
  scene.double.faults.clear()
  offline.clear()
  expect(err).toContain(`${first()} may still run it: it could not be cancelled (AWS denied access`)
})

test('spaced restarts never make three minutes in a row in which an instance is unhealthy', () => {
  const MINUTE_MS = 60_000
  for (let seed = 0; seed < 500; seed++) {
    const unhealthy = new Set<number>()
    let now = seed * 1_357
    let healthyAt: number | undefined
    for (let restarts = 0; restarts < 20; restarts++) {
      const start = nextStart(now, healthyAt)
      expect(start).toBeGreaterThanOrEqual(now)
      // A restart takes up to a minute and three quarters.
      healthyAt = start + 60_000 + ((seed * 7_919 + restarts * 104_729) % 45_000)
      for (let at = start; at <= healthyAt; at += 1_000) unhealthy.add(Math.floor(at / MINUTE_MS))
      unhealthy.add(Math.floor(healthyAt / MINUTE_MS))
      now = healthyAt
    }
    const three = [...unhealthy].filter(
      (each) => unhealthy.has(each + 1) && unhealthy.has(each + 2),
    )
    expect(three).toEqual([])
  }
})

test('a spaced restart waits for the start of a minute, until Ctrl-C', async () => {
  const child = spawnScript('ops', ['restart', '--reason', 'test'], scene.env)
  const sent = commands(scene.plane).length
  const first = (async () => {
    for await (const chunk of child.stderr) return new TextDecoder().decode(chunk)
  })()
  expect(await first).toMatch(/: (waiting \d+ s, for unhealthy-hosts|restarting \(1 of 3\))/)
  if ((await first)?.includes('waiting')) expect(commands(scene.plane)).toHaveLength(sent)
  child.kill('SIGINT')
  expect(await child.exited).toBe(130)
})
