import { expect, test } from 'bun:test'
import { denied } from '../../lab/aws-double/faults.ts'
import { commands } from '../../lab/aws-double/wire/json.ts'
import type { Ran } from '../../lab/support/command.ts'
import { begin, receipt, releases, scene, ship, useRollout } from './fixtures/rollout.ts'
import { NEW, NEW_IMAGE, OLD, OLD_IMAGE } from './fixtures/scene.ts'

useRollout()

/** Ships version 2 and reads often what users get; nobody has set how long a checkpoint lasts. */
const shipWithUsers = async (extra: Record<string, string> = {}): Promise<Ran> =>
  await ship([], {
    HELLO_ROLLOUT_TRAFFIC_SECONDS: '0.2',
    HELLO_ROLLOUT_CHECKPOINT_DELAY_SECONDS: '',
    HELLO_ROLLOUT_WATCH_SECONDS: '',
    ...extra,
  })

const preferences = () => scene.plane.refreshes[0]?.preferences

test('a release that fails only for other users than the probe is rolled back by what they get', async () => {
  await begin({ behaviours: { [NEW_IMAGE]: { usersFail: 0.2 } } })
  scene.fleet.usersPerSecond = 2000
  const { out, code } = await shipWithUsers({ HELLO_ROLLOUT_CHECKPOINT_DELAY_SECONDS: '3600' })
  expect(out).toMatch(
    /the new release failed \d+ of \d+ requests of users, the previous one 0 of \d+: rolling back/,
  )
  expect(code).toBe(3)
  expect(releases()).toEqual([OLD, OLD, OLD])
  const { verdict, probe, traffic } = await receipt()
  expect(verdict).toBe('rolled back')
  expect(probe?.failed).toBe(0)
  expect(traffic?.ofNew.failed).toBeGreaterThan(5)
  expect(traffic?.ofOthers).toMatchObject({ failed: 0 })
  expect(out).toMatch(
    /users {7}of the new release: \d+ requests, \d+ failed, p50\/p99 \d+\/\d+ ms\n +of the previous one: \d+ requests, 0 failed/,
  )
})

test('with enough of users, a good release pauses for a minute, and then the alarms watch', async () => {
  await begin()
  scene.plane.group.warmupSeconds = 60
  scene.fleet.usersPerSecond = 5000
  const { out, code } = await shipWithUsers()
  expect(out).toMatch(
    /pace: users send \d+ requests a second: a checkpoint lasts 1:00, and then the alarms watch for 1:00/,
  )
  expect(code).toBe(0)
  expect(preferences()).toMatchObject({ checkpointDelay: 60, bakeTime: 60 })
  expect((await receipt()).traffic?.ofNew).toMatchObject({ failed: 0 })
})

test('without users, checkpoints wait for the alarms', async () => {
  await begin()
  const { out, code } = await shipWithUsers()
  expect(out).toContain(
    'pace: users send 0 requests a second, too few to tell a bad release in a minute: a checkpoint lasts 2:00',
  )
  expect(code).toBe(0)
  expect(preferences()).toMatchObject({ checkpointDelay: 120, bakeTime: 60 })
  expect(releases()).toEqual([NEW, NEW, NEW])
})

test('who may not ask over SSM still ships, with a note, and asks no more', async () => {
  await begin()
  scene.double.faults.add(/^SendCommand$/, denied('ssm:SendCommand'), 1)
  const { out, code } = await shipWithUsers()
  expect(out).toContain('pace: nobody knows what users send: a checkpoint lasts 2:00')
  expect(out).toMatch(/note {8}what users got was not seen: AWS denied access/)
  expect(code).toBe(0)
  expect((await receipt()).traffic).toBeUndefined()
  expect(commands(scene.plane)).toEqual([])
})

test('instances whose agent answers nothing useful do not count, and the rollout says so', async () => {
  const silent = { commands: { traffic: { exitCode: 0, stdout: '{', stderr: '' } } }
  await begin({ behaviours: { [NEW_IMAGE]: silent, [OLD_IMAGE]: silent } })
  const { out, code } = await shipWithUsers()
  expect(out).toContain(
    'what users got was not seen: no instance told its traffic over SSM (Success)',
  )
  expect(code).toBe(0)
})

test('--traffic-seconds 0 asks nobody', async () => {
  await begin()
  const { code } = await shipWithUsers({ HELLO_ROLLOUT_TRAFFIC_SECONDS: '0' })
  expect(code).toBe(0)
  expect(commands(scene.plane)).toEqual([])
})
