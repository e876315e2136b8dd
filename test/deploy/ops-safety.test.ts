import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { throttled } from '../aws-double/faults.ts'
import { GROUP, OLD_IMAGE, type Scene, startScene, until } from './fixtures/scene.ts'
import { PATIENCE_MS, type Ran, runScript } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

let scene: Scene
beforeAll(async () => {
  scene = await startScene({ behaviours: { [OLD_IMAGE]: { restartMs: 100 } } })
})
afterAll(async () => await scene.stop())

const ops = async (...args: string[]): Promise<Ran> =>
  await runScript('ops', [...args, '--poll-seconds', '0.05', '--reason', 'test'], scene.env)

const first = (): string =>
  scene.plane.instances.find(({ lifecycle }) => lifecycle === 'InService')?.id ?? ''

test('a restart resumes health checks despite throttling', async () => {
  scene.double.faults.add(/^ResumeProcesses$/, throttled, 9)
  const { code } = await ops('restart', first())
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
  expect((await ops('status')).out).toContain('suspended processes: HealthCheck')
  scene.plane.group.suspended.clear()
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
