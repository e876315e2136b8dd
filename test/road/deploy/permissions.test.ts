import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { noPermissions, QUICK, type Scene, startScene, toNew } from './fixtures/scene.ts'
import { PATIENCE_MS, runScript } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

let scene: Scene
beforeAll(async () => {
  scene = await startScene({ instances: 2 })
})
afterAll(async () => await scene.stop())

describe.skipIf(noPermissions !== undefined)('what a role may not do', () => {
  test.each(['operator', 'plan'] as const)(
    'is refused by AWS: %s starts no rollout',
    async (role) => {
      const { code, err } = await runScript('rollout', toNew(scene), {
        ...scene.as(role),
        ...QUICK,
      })
      expect(code).toBe(1)
      expect(err).toContain(
        'not authorized to perform: autoscaling:StartInstanceRefresh on resource: ',
      )
      expect(scene.plane.refreshes).toEqual([])
    },
  )

  test('is refused by AWS: those who roll back restart nothing', async () => {
    const words = ['restart', '--reason', 'test']
    const { code, err } = await runScript('ops', words, scene.as('rollback'))
    expect(code).toBe(1)
    expect(err).toContain(
      'is not authorized to perform: autoscaling:SuspendProcesses on resource: ',
    )
    expect(scene.plane.group.suspended.size).toBe(0)
  })

  test('is refused by EC2 in its own words: an instance looks at no others', async () => {
    const { code, err } = await runScript('bump', ['--list'], scene.as('instance'))
    expect(code).toBe(1)
    expect(err).toContain('You are not authorized to perform this operation. User: ')
  })

  test('is nothing at all without a known access key', async () => {
    const env = { ...scene.env, AWS_ACCESS_KEY_ID: 'AKIASTRANGER' }
    const { code, err } = await runScript('rollout', ['status'], env)
    expect(code).toBe(1)
    expect(err).toContain('AWS credentials are missing or not accepted')
  })
})
