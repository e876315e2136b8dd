import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { name } from '../../../package.json'
import { denied, throttled } from '../../lab/aws-double/faults.ts'
import { ended } from '../../lab/support/command.ts'
import { begin, receipt, releases, rollout, scene, ship, useRollout } from './fixtures/rollout.ts'
import { GROUP, NEW, NEW_IMAGE, OLD, OLD_IMAGE, TEMPLATE, toNew, until } from './fixtures/scene.ts'
import { PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

useRollout()

const tag = (): string | undefined => scene.plane.group.tags['rolled-back-release']
const status = (): string | undefined => scene.plane.refreshes[0]?.status
const back = (...args: string[]) => ended(rollout(['rollback', ...args]))

const THIRD = 'c'.repeat(40)

/** Arguments of a rollout to a third version, with an image of its own. */
function toThird(): string[] {
  const image = { id: 'ami-0cccccccccccccccc', name: 'third', architecture: 'arm64' }
  const tags = { service: name, release: THIRD }
  scene.plane.images.set(image.id, { ...image, createdAt: Date.now(), tags })
  const version = scene.plane.addVersion({
    imageId: image.id,
    userData: '',
    tags: { release: THIRD },
    description: '',
  })
  return [
    ...['start', '--group', GROUP, '--launch-template-id', TEMPLATE],
    ...['--launch-template-version', String(version), '--release', THIRD],
    ...['--url', scene.fleet.url],
  ]
}

/** Stops a refresh halfway: one of three instances has the new release. */
async function cancelHalfway(): Promise<void> {
  const going = rollout([...toNew(scene), '--checkpoint-delay-seconds', '2000'])
  await until(() => releases().includes(NEW), 'an instance serves the new release')
  expect((await ended(rollout(['cancel']))).code).toBe(0)
  await ended(going)
}

describe('rollback, run twice', () => {
  test('and interrupted halfway the first time, follows the way back and marks the release it leaves', async () => {
    await begin()
    await ship()
    const first = rollout(['rollback', '--watch-seconds', '500'], scene.as('deploy'))
    await until(() => status() === 'Baking', 'the way back bakes')
    first.kill('SIGINT')
    expect((await ended(first)).code).toBe(130)
    const second = await back()
    expect(second.out).toContain('a rollback to version 1 is already running: following it')
    expect(second.code).toBe(0)
    expect(await receipt()).toMatchObject({ verdict: 'shipped', release: OLD })
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(tag()).toBe(NEW)
    expect(scene.plane.refreshes).toHaveLength(2)
  })

  test('has nothing to undo the second time, goes no further back, and marks nothing', async () => {
    await begin()
    await ship()
    expect((await back()).code).toBe(0)
    const again = await back()
    expect(again.code).toBe(0)
    expect(again.out).toContain('nothing to undo: no instance has version 2 any longer')
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(tag()).toBe(NEW)
  })

  test('by two people at once, goes back once', async () => {
    await begin()
    await ship()
    const [one, two] = [rollout(['rollback']), rollout(['rollback'])]
    const ran = await Promise.all([ended(one), ended(two)])
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(scene.plane.group.version).toBe(1)
    expect(tag()).toBe(NEW)
    // The second may come so close that AWS refuses its start: then it says what is running.
    for (const { code, err } of ran) if (code !== 0) expect(err).toContain('already in progress')
  })
})

describe('rollback', () => {
  test('after a cancel, goes back to the saved version, and no further', async () => {
    await begin()
    await cancelHalfway()
    const ran = await back()
    expect(ran.out).toContain('rolling back to version 1, which not every instance has')
    expect(ran.code).toBe(0)
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(scene.plane.group.version).toBe(1)
    expect(tag()).toBe(NEW)
  })

  test('after a way back that was cancelled, continues it', async () => {
    await begin()
    await ship()
    const slowly = ['--checkpoints', '50,100', '--checkpoint-delay-seconds', '36000']
    const first = rollout(['rollback', ...slowly], scene.as('deploy'))
    await until(() => releases().includes(OLD), 'an instance is back')
    expect((await ended(rollout(['cancel']))).code).toBe(0)
    await ended(first)
    const ran = await back()
    expect(ran.code).toBe(0)
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(tag()).toBe(NEW)
  })

  test('while AWS rolls back on its own, follows it', async () => {
    await begin()
    const child = rollout([...toNew(scene), '--watch-seconds', '2000'])
    await until(() => status() === 'Baking', 'the refresh bakes')
    scene.behave(OLD_IMAGE, { bootMs: 8000 })
    scene.plane.rollBackRefresh()
    const ran = await back()
    expect(ran.out).toContain('a rollback to version 1 is already running: following it')
    expect(ran.code).toBe(0)
    expect((await ended(child)).code).toBe(3)
    expect(releases()).toEqual([OLD, OLD, OLD])
  })

  test('with --further, goes back beyond a change that is already undone', async () => {
    await begin()
    await ship()
    expect((await ended(rollout(toThird()))).code).toBe(0)
    expect((await back()).out).toContain('rolling back from version 3 to version 2')
    const further = await back('--further')
    expect(further.out).toContain('rolling back from version 2 to version 1')
    expect(further.code).toBe(0)
    expect(tag()).toBe(`${THIRD} ${NEW}`)
  })

  test('goes back even if its token is refused and target health is denied', async () => {
    await begin()
    await ship()
    scene.fleet.tokens.add('secret')
    scene.double.faults.add(
      /^DescribeTargetHealth$/,
      denied('elasticloadbalancing:DescribeTargetHealth'),
    )
    const ran = await back('--token', 'wrong')
    expect(ran.out).toContain("the service refuses the probe's token")
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(ran.code).toBe(0)
  })
})

describe('rollout watch', () => {
  test('never reverses a slow way back, whatever the stall limit', async () => {
    await begin()
    await ship()
    scene.behave(OLD_IMAGE, { bootMs: 2500 })
    const first = rollout(['rollback'])
    await until(() => status() === 'InProgress', 'the way back runs')
    const watched = await ended(rollout(['watch', '--stall-seconds', '0.5']))
    expect(watched.out).not.toContain('rolling back')
    expect(watched.code).toBe(0)
    expect((await ended(first)).code).toBe(0)
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(tag()).toBe(NEW)
  })
})

test('rollout list shows past rollouts with status and reason', async () => {
  await begin()
  expect((await ended(rollout(['list']))).out).toBe('no refresh yet\n')
  await ship()
  await back()
  const { out } = await ended(rollout(['list']))
  const [, newest, oldest] = out.split('\n')
  expect(newest).toMatch(/^\S+Z +\d+:\d\d +version 1 +a{12} +Successful/)
  expect(oldest).toMatch(/ version 2 +b{12} +Successful/)
  expect(JSON.parse((await ended(rollout(['list', '--json']))).out)).toHaveLength(2)
})

describe('rolled-back releases are remembered', () => {
  test('even if nobody followed: the next start skips what AWS rolled back', async () => {
    await begin()
    const child = rollout([...toNew(scene), '--watch-seconds', '2000'])
    await until(() => status() === 'Baking', 'the refresh bakes')
    child.kill('SIGKILL')
    await child.exited
    scene.plane.rollBackRefresh()
    await until(() => status() === 'RollbackSuccessful', 'AWS has gone back')
    expect(tag()).toBeUndefined()
    const next = await ship(['--skip-rolled-back'])
    expect(next.out).toContain('was rolled back on this group; --retry tries it again')
    expect(releases()).toEqual([OLD, OLD, OLD])
  })

  test('all of them, when several were rolled back in turn', async () => {
    await begin()
    await ship()
    await back()
    const other = toThird()
    expect((await ended(rollout(other))).code).toBe(0)
    await back()
    expect(tag()).toBe(`${NEW} ${THIRD}`)
    for (const args of [toNew(scene), other]) {
      expect((await ended(rollout(args))).err).toContain('was rolled back on this group')
    }
  })
})

describe('rollout start', () => {
  test('immediately rolls back a release that returns 404 for everything but /hc and /version', async () => {
    await begin()
    scene.behave(NEW_IMAGE, { canaryStatus: 404 })
    const { code, out } = await ship(['--checkpoint-delay-seconds', '2000'])
    expect(out).toMatch(/the new release failed \d+ of \d+ probe requests, the previous one 0 of/)
    expect(code).toBe(3)
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(tag()).toBe(NEW)
  })

  test('does not blame the new release for failures of both', async () => {
    await begin()
    const going = rollout([
      ...toNew(scene),
      ...['--failure-budget', '10000', '--checkpoint-delay-seconds', '200'],
    ])
    await until(() => releases().includes(NEW), 'an instance serves the new release')
    for (const image of [OLD_IMAGE, NEW_IMAGE]) scene.behave(image, { answerStatus: 503 })
    await Bun.sleep(1500)
    for (const image of [OLD_IMAGE, NEW_IMAGE]) scene.behave(image, {})
    const { code, out } = await ended(going)
    expect(out).not.toContain('rolling back')
    expect(code).toBe(0)
  })

  test('exits with 0 and a receipt when AWS throttles right after success', async () => {
    await begin()
    const child = rollout(toNew(scene))
    await until(() => status() === 'Successful', 'the refresh succeeds')
    scene.double.faults.add(/^DescribeAutoScalingGroups$/, throttled, 12)
    expect((await ended(child)).code).toBe(0)
    expect(await receipt()).toMatchObject({ verdict: 'shipped', observed: { ok: true } })
  })

  test('refuses while the group’s instance refreshes are suspended', async () => {
    await begin()
    scene.plane.group.suspended.add('InstanceRefresh')
    const { code, err } = await ship()
    expect(code).toBe(1)
    expect(err).toContain('processes of the group are suspended (InstanceRefresh)')
  })

  test('notes that there is no way back when the running AMI is gone', async () => {
    await begin()
    scene.plane.images.delete(OLD_IMAGE)
    const { out } = await ship()
    expect(out).toContain(`there is no way back: the AMI ${OLD_IMAGE} of version 1`)
  })

  test('sends nothing to the service with --no-probe', async () => {
    await begin()
    const before = scene.fleet.requests
    const args = toNew(scene).filter((word) => word !== '--url' && word !== scene.fleet.url)
    const { code, out } = await ended(rollout([...args, '--no-probe', '--url', scene.fleet.url]))
    expect(out).toContain('according to AWS only')
    expect(code).toBe(0)
    expect(scene.fleet.requests).toBe(before)
  })
})
