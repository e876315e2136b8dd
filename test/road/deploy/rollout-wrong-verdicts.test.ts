import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { RefreshPreferences } from '../../lab/aws-double/model.ts'
import { ended } from '../../lab/support/command.ts'
import {
  back,
  begin,
  folder,
  mark,
  receipt,
  releases,
  rollout,
  scene,
  ship,
  shipUntilBaking,
  status,
  useRollout,
} from './fixtures/rollout.ts'
import { GROUP, NEW, NEW_IMAGE, OLD, OLD_IMAGE, templateVersion, until } from './fixtures/scene.ts'
import { runScript } from './fixtures/script.ts'

useRollout()

/** What version 2 may be beside version 1 of the same release: its image, and what is marked when it is rolled back. */
const SAME_RELEASE: [string, string, string | undefined][] = [
  ['a changed setting', OLD_IMAGE, undefined],
  ['a patched image', NEW_IMAGE, NEW_IMAGE],
]
function launch(version: number, imageId: string): void {
  Object.assign(scene.plane.template.versions[version - 1] ?? {}, { imageId })
}

const RECYCLE: RefreshPreferences = {
  minHealthyPercentage: 100,
  maxHealthyPercentage: 200,
  instanceWarmup: 5,
  checkpointPercentages: [50, 100],
  checkpointDelay: 36_000,
  bakeTime: 0,
  skipMatching: false,
  autoRollback: false,
  alarms: [],
}

describe('rollback', () => {
  test('stops a refresh that only recycles instances, and undoes the release', async () => {
    await begin()
    await ship()
    scene.plane.startRefresh(2, RECYCLE)
    const plan = await runScript('doctor', ['--no-plan'], scene.as('plan'))
    expect(plan.out).toContain('a refresh that only replaces instances is running')
    const { code, out } = await back()
    expect(out).toContain('stopping a refresh that only replaces instances')
    expect(out).toContain(`back on ${OLD.slice(0, 12)}`)
    expect(code).toBe(0)
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(mark()).toBe(NEW)
  })

  test('leaves a refresh that only recycles instances alone where there is no way back', async () => {
    await begin()
    scene.plane.startRefresh(undefined, RECYCLE)
    const { code, err } = await back()
    expect(err).toContain('there is no launch template version before 1')
    expect(code).toBe(1)
    expect(scene.plane.refreshes.at(-1)?.status).not.toBe('Cancelling')
  })

  test('of a refresh that only recycles, and whose cancellation gets no answer, ends with 6', async () => {
    await begin()
    await ship()
    scene.plane.startRefresh(2, RECYCLE)
    scene.double.faults.add(/^CancelInstanceRefresh$/, { kind: 'drop' })
    const words = ['rollback', '--patience-seconds', '0.5']
    const { code, out, err } = await ended(rollout(words, { AWS_MAX_ATTEMPTS: '1' }))
    expect(out + err).toContain('The refresh continues')
    expect(code).toBe(6)
  })

  test('reverses a refresh that AWS lists without a time, for it is pending', async () => {
    await begin()
    await ship()
    scene.plane.group.suspended.add('InstanceRefresh')
    const third = scene.plane.addVersion(templateVersion(NEW, NEW_IMAGE))
    scene.plane.startRefresh(third, { ...RECYCLE, skipMatching: true })
    expect(status()).toBe('Pending')
    const going = rollout(['rollback'])
    await until(() => status() === 'RollbackInProgress', 'it is reversed')
    scene.plane.group.suspended.clear()
    const { code, out } = await ended(going)
    expect(out).toContain('reversing the running refresh, back to version 2')
    expect(code).toBe(0)
  })

  test.each(SAME_RELEASE)(
    'of %s goes back to the version before, and condemns no release',
    async (_, image, blamed) => {
      await begin({ releases: [OLD, OLD] })
      launch(2, image)
      expect((await ship(['--release', OLD])).code).toBe(0)
      const { code, out } = await back()
      expect(out).toContain('rolling back from version 2 to version 1')
      expect(code).toBe(0)
      expect(await receipt()).toMatchObject({ ami: OLD_IMAGE, images: { [OLD_IMAGE]: 3 } })
      expect(mark()).toBe(blamed)
    },
  )

  test.each(['rollback', 'cancel'])(
    '%s that AWS accepted and that is then lost sight of ends with 6',
    async (verb) => {
      await begin({ instances: 1 })
      scene.plane.cancelMs = 1e9
      scene.behave(OLD_IMAGE, { bootMs: 5000 })
      scene.plane.startRefresh(2, { ...RECYCLE, skipMatching: true })
      await until(() => releases()[0] === NEW, 'the new release serves')
      const going = rollout([verb, '--patience-seconds', '0.5'], { AWS_MAX_ATTEMPTS: '1' })
      await until(() => /^(Cancelling|Rollback)/.test(status() ?? ''), 'AWS is at it')
      scene.double.faults.add(/./, { kind: 'drop' })
      const { code, out, err } = await ended(going)
      scene.double.faults.clear()
      expect(out + err).toContain('The refresh continues')
      expect(code).toBe(6)
    },
  )
})

test.each(SAME_RELEASE)(
  '%s that is rolled back while it bakes condemns not the release',
  async (_, image, blamed) => {
    await begin({ releases: [OLD, OLD] })
    launch(2, image)
    const going = await shipUntilBaking('--release', OLD)
    scene.plane.rollBackRefresh()
    expect((await ended(going)).code).toBe(3)
    expect(mark()).toBe(blamed)
    expect((await ship(['--release', OLD])).code).toBe(blamed ? 1 : 0)
    expect((await ship(['--release', OLD, '--retry'])).code).toBe(0)
    expect(mark()).toBeUndefined()
  },
)

test('an image of the running release that fails is told from the other by its instances, and goes back', async () => {
  await begin({ releases: [OLD, OLD], behaviours: { [NEW_IMAGE]: { canaryStatus: 404 } } })
  const { code, out } = await ship(['--release', OLD, '--checkpoint-delay-seconds', '2000'])
  expect(out).toMatch(/the new release failed \d+ of \d+ probe requests, the previous one 0 of/)
  expect(code).toBe(3)
  expect(mark()).toBe(NEW_IMAGE)
  expect(await receipt()).toMatchObject({ verdict: 'rolled back', images: { [OLD_IMAGE]: 3 } })
})

test('a receipt that cannot be written is printed all the same, with the exit code of the verdict', async () => {
  await begin({ instances: 1 })
  await Bun.write(join(folder, 'file'), '')
  const { code, out } = await ship(['--receipt', join(folder, 'file/receipt.json')])
  expect(out).toContain('verdict     shipped')
  expect(out).toContain('the receipt could not be written to')
  expect(code).toBe(0)
})

test('a running version whose launch template version was deleted is no way back, which is said before the start', async () => {
  await begin({ instances: 1 })
  Reflect.deleteProperty(scene.plane.template.versions, 0)
  const { out } = await ship()
  expect(out).toContain('there is no way back: launch template version 1 was deleted')
  expect(out.indexOf('there is no way back')).toBeLessThan(out.indexOf('verdict'))
})

describe('what a person at the terminal reads', () => {
  test('Ctrl-C and a second start offer to undo the rollout, too', async () => {
    await begin()
    const going = await shipUntilBaking()
    const second = await ship()
    expect(second.err).toContain(`scripts/rollout rollback --group ${GROUP}`)
    going.kill('SIGINT')
    const { code, err } = await ended(going)
    expect(code).toBe(130)
    expect(err).toContain(`scripts/rollout rollback --group ${GROUP}`)
  })

  test('--bake-seconds still is --watch-seconds, in the environment too, and a variable of no option is said', async () => {
    await begin({ instances: 1 })
    const former = { HELLO_ROLLOUT_WATCH_SECONDS: '', HELLO_ROLLOUT_BAKE_SECONDS: '40' }
    const ran = await ship([], { ...former, HELLO_ROLLOUT_BAK_SECONDS: '1' })
    expect(ran.err).toContain('HELLO_ROLLOUT_BAK_SECONDS is ignored: there is no such option')
    expect(scene.plane.refreshes[0]?.preferences.bakeTime).toBe(40)
    // Not the runbook, which does not watch at the end.
    const deployer = scene.as('deploy')
    const undone = await ended(rollout(['rollback', '--bake-seconds', '7'], deployer))
    expect(undone.code).toBe(0)
    expect(scene.plane.refreshes[0]?.preferences.bakeTime).toBe(7)
    const help = await runScript('rollout', ['--help'])
    expect(help.out.replaceAll(/\s+/g, ' ')).toContain('--bake-seconds is its former name')
  })

  test('status gives ages, and who is at the refresh', async () => {
    await begin()
    await ship()
    const { out } = await runScript('rollout', ['status'], scene.as('rollback'))
    expect(out).toMatch(/^refresh +Successful 100 %, started \d+ s ago$/m)
    expect(out).toMatch(/^operator +\S+, \d+ s ago$/m)
    expect(out).toMatch(/^i-\S+ +b{12} +\d+ s +healthy$/m)
  })
})

test('a region that does not exist is refused at once', async () => {
  await begin({ instances: 1 })
  const { AWS_ENDPOINT_URL: _, ...env } = scene.as('rollback')
  const { code, err } = await runScript('rollout', ['status', '--region', 'eu-wset-1'], {
    ...env,
    AWS_MAX_ATTEMPTS: '1',
  })
  expect(err).toContain('Check the name of the region')
  expect(err).not.toContain('trying again')
  expect(code).toBe(1)
})
