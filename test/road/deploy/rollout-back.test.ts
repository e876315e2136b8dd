import { describe, expect, test } from 'bun:test'
import { ended } from '../../lab/support/command.ts'
import {
  begin,
  mark,
  receipt,
  releases,
  rollout,
  scene,
  ship,
  useRollout,
} from './fixtures/rollout.ts'
import {
  ALARM,
  GROUP,
  NEW,
  NEW_IMAGE,
  noPermissions,
  OLD,
  QUICK,
  templateVersion,
} from './fixtures/scene.ts'
import { runScript } from './fixtures/script.ts'

useRollout()

describe('a rolled-back release', () => {
  test('is refused, skipped on request, and shipped with --retry, which removes the mark', async () => {
    await begin()
    scene.plane.group.tags['rolled-back-release'] = NEW
    const refused = await ship()
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('was rolled back on this group; --retry tries it again')
    const skipped = await ship(['--skip-rolled-back'])
    expect(skipped.code).toBe(0)
    expect(await receipt()).toMatchObject({ verdict: 'skipped', releases: { [OLD]: 3 } })
    expect(scene.plane.refreshes).toHaveLength(0)
    const retried = await ship([], { HELLO_ROLLOUT_RETRY: '1' })
    expect(retried.code).toBe(0)
    expect(mark()).toBeUndefined()
  })
})

describe('rollout rollback', () => {
  const args = (): string[] => ['rollback', '--url', scene.fleet.url]
  /** Makes the whole group run `version`, as if it had been shipped longer ago than AWS remembers. */
  const runs = (version: number): void => {
    scene.plane.group.version = version
    for (const instance of scene.plane.instances) instance.version = version
  }

  test('goes to the previous version even after the refresh has finished, and marks the release it left', async () => {
    await begin()
    await ship()
    scene.plane.setAlarm(ALARM, 'ALARM', 'the reason to go back')
    const ran = await ended(rollout(['rollback']))
    expect(ran.out).toContain('rolling back from version 2 to version 1')
    expect(ran.code).toBe(0)
    // Those on duty may not launch. Where permissions are not checked, they may.
    if (!noPermissions) expect(ran.out).toContain('starting the rollback by the runbook')
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(scene.plane.group.version).toBe(1)
    expect(mark()).toBe(NEW)
    expect(await receipt()).toMatchObject({
      verdict: 'shipped',
      release: OLD,
      previousRelease: NEW,
      observed: { ok: true, inService: 3 },
    })
    expect((await receipt()).probe?.requests).toBeGreaterThan(20)
  })

  test('has no checkpoints and no bake time unless given', async () => {
    await begin()
    runs(2)
    const { HELLO_ROLLOUT_WATCH_SECONDS: _, ...pace } = QUICK
    const ran = await runScript('rollout', args(), { ...scene.as('rollback'), ...pace })
    expect(ran.code).toBe(0)
    const { checkpointPercentages, bakeTime } = scene.plane.refreshes[0]?.preferences ?? {}
    expect({ checkpointPercentages, bakeTime }).toEqual({ checkpointPercentages: [], bakeTime: 0 })
  })

  test('does not count the failures that it ends', async () => {
    await begin()
    expect((await ship()).code).toBe(0)
    scene.behave(NEW_IMAGE, { answerStatus: 500 })
    const ran = await ended(rollout(args()))
    expect(ran.code).toBe(0)
    const { verdict, probe } = await receipt()
    expect(verdict).toBe('shipped')
    expect(probe?.failures['other 5xx']).toBeGreaterThan(0)
    expect(probe?.phases.after.failed).toBe(0)
  })

  test('goes back without a probe when the URL is not found, and says so', async () => {
    await begin()
    await ship()
    scene.plane.group.https = true
    const ran = await ended(rollout(['rollback']))
    expect(ran.out).toContain("no probe, because the service's URL was not found")
    expect(ran.out).toContain('according to AWS only')
    expect(ran.code).toBe(0)
    expect(releases()).toEqual([OLD, OLD, OLD])
  })

  test('skips a version whose AMI is gone', async () => {
    await begin()
    const third = scene.plane.addVersion(templateVersion(NEW, NEW_IMAGE))
    runs(third)
    const version2 = scene.plane.template.versions[1]
    if (version2) version2.imageId = 'ami-0dddddddddddddddd'
    const ran = await ended(rollout(args()))
    expect(ran.out).toContain('rolling back from version 3 to version 1')
    expect(ran.code).toBe(0)
  })

  test('skips a release that was rolled back, and other versions of the running one', async () => {
    await begin()
    const versionOf = (release: string, imageId: string): number =>
      scene.plane.addVersion(templateVersion(release, imageId))
    const running = 'c'.repeat(40)
    versionOf(running, NEW_IMAGE)
    runs(versionOf(running, NEW_IMAGE))
    scene.plane.group.tags['rolled-back-release'] = NEW
    const ran = await ended(rollout(args()))
    expect(ran.out).toContain('rolling back from version 4 to version 1')
    expect(ran.code).toBe(0)
    expect(mark()).toBe(`${NEW} ${running}`)
  })

  test('refuses when there is nothing to go back to', async () => {
    await begin({ instances: 1 })
    const ran = await ended(rollout(args()))
    expect(ran.code).toBe(1)
    expect(ran.err).toContain('no launch template version before 1 of another release')
  })
})

describe('rollout watch', () => {
  test('refuses when there has been no refresh yet', async () => {
    await begin({ instances: 1 })
    const ran = await ended(rollout(['watch']))
    expect(ran.code).toBe(1)
    expect(ran.err).toContain('nothing to watch')
  })
})

describe('rollout status', () => {
  test('shows every instance, as text and as JSON', async () => {
    await begin()
    scene.plane.group.tags['rolled-back-release'] = NEW
    const text = await runScript('rollout', ['status'], scene.as('rollback'))
    expect(text.code).toBe(0)
    expect(text.out).toContain('INSTANCE')
    for (const { id } of scene.plane.instances) expect(text.out).toContain(id)
    expect(text.out).toContain(`rolled back  ${NEW.slice(0, 12)}`)
    const json = await runScript('rollout', ['status', '--json'], scene.as('rollback'))
    const report = JSON.parse(json.out)
    expect(report.instances).toHaveLength(3)
    expect(report).toMatchObject({ group: GROUP, desired: 3, rolledBackReleases: [NEW] })
  })
})
