import { describe, expect, test } from 'bun:test'
import { name } from '../../../package.json'
import { denied } from '../../lab/aws-double/faults.ts'
import { ended } from '../../lab/support/command.ts'
import {
  back,
  begin,
  mark,
  releases,
  requests,
  rollout,
  scene,
  ship,
  shipUntilBaking,
  status,
  useRollout,
} from './fixtures/rollout.ts'
import {
  GROUP,
  NEW,
  NEW_IMAGE,
  OLD,
  OLD_IMAGE,
  TEMPLATE,
  templateVersion,
  toNew,
  until,
} from './fixtures/scene.ts'

useRollout()

const THIRD = 'c'.repeat(40)

/** Arguments of a rollout to a third version, with an image of its own. */
function toThird(): string[] {
  const image = { id: 'ami-0cccccccccccccccc', name: 'third', architecture: 'arm64' }
  const tags = { service: name, release: THIRD }
  scene.plane.images.set(image.id, { ...image, createdAt: Date.now(), tags })
  const version = scene.plane.addVersion(templateVersion(THIRD, image.id))
  return [
    ...['start', '--group', GROUP, '--launch-template-id', TEMPLATE],
    ...['--launch-template-version', String(version), '--release', THIRD],
    ...['--url', scene.fleet.url],
  ]
}

describe('rollback, run twice', () => {
  test('by two people at once, goes back once', async () => {
    await begin()
    await ship()
    const [one, two] = [rollout(['rollback']), rollout(['rollback'])]
    const ran = await Promise.all([ended(one), ended(two)])
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(scene.plane.group.version).toBe(1)
    expect(mark()).toBe(NEW)
    // The second may come so close that AWS refuses its start: then it says what is running.
    for (const { code, err } of ran) if (code !== 0) expect(err).toContain('already in progress')
  })
})

describe('rollback', () => {
  test('while AWS rolls back on its own, follows it', async () => {
    await begin()
    const child = await shipUntilBaking()
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
    expect(mark()).toBe(`${THIRD} ${NEW}`)
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
    expect(mark()).toBe(NEW)
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

describe('rollout start', () => {
  test('does not blame the new release for failures of both', async () => {
    await begin()
    const going = rollout([
      ...toNew(scene),
      ...['--failure-budget', '10000', '--checkpoint-delay-seconds', '200'],
    ])
    await until(() => releases().includes(NEW), 'an instance serves the new release')
    for (const image of [OLD_IMAGE, NEW_IMAGE]) scene.behave(image, { answerStatus: 503 })
    await requests(75)
    for (const image of [OLD_IMAGE, NEW_IMAGE]) scene.behave(image, {})
    const { code, out } = await ended(going)
    expect(out).not.toContain('rolling back')
    expect(code).toBe(0)
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
