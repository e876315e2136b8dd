import { describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { name } from '../../../package.json'
import { canary } from '../../../scripts/lib/domain/canary.ts'
import type { Receipt } from '../../../scripts/lib/receipt/receipt.ts'
import { openReceipt } from '../../../scripts/lib/receipt/signed.ts'
import { denied } from '../../lab/aws-double/faults.ts'
import { commands } from '../../lab/aws-double/wire/json.ts'
import { ended } from '../../lab/support/command.ts'
import {
  begin,
  evidence,
  folder,
  mark,
  receipt,
  releases,
  requests,
  rollout,
  scene,
  ship,
  shipUntilBaking,
  status,
  useRollout,
} from './fixtures/rollout.ts'
import { ALARM, NEW, NEW_IMAGE, OLD, OLD_IMAGE, toNew, until } from './fixtures/scene.ts'

useRollout()

describe('rollout start', () => {
  test('exits with 0 when every instance answers with the release and no request failed', async () => {
    await begin()
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const key = join(folder, 'key.pem')
    await Bun.write(key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const ran = await ship(['--json', '--receipt-key', key])
    await rm(key)
    expect(ran.err).toContain('verdict     shipped')
    expect(ran.code).toBe(0)
    const printed = JSON.parse(ran.out) as Receipt
    expect(printed).toEqual(await receipt())
    expect(printed).toMatchObject({
      verdict: 'shipped',
      exitCode: 0,
      release: NEW,
      previousRelease: OLD,
      launchTemplateVersion: 2,
      ami: NEW_IMAGE,
      releases: { [NEW]: 3 },
      observed: { ok: true, inService: 3 },
    })
    expect(printed.observed?.seen.toSorted()).toEqual(
      scene.plane.instances
        .filter(({ lifecycle }) => lifecycle === 'InService')
        .map(({ id }) => id)
        .toSorted(),
    )
    const { probe } = printed
    expect(probe?.failed).toBe(0)
    expect(probe?.requests).toBeGreaterThan(40)
    for (const phase of ['before', 'during', 'after'] as const) {
      expect(probe?.phases[phase].requests).toBeGreaterThan(5)
      expect(probe?.phases[phase].p99).toBeGreaterThanOrEqual(probe?.phases[phase].p50 ?? Infinity)
    }
    expect((await readdir(folder)).toSorted()).toEqual(['receipt.intoto.json', 'receipt.json'])
    const signed = await Bun.file(join(folder, 'receipt.intoto.json')).json()
    expect(openReceipt(signed, [publicKey])).toEqual(printed as Receipt & { ami: string })
  })

  test('starts the refresh with the preferences that the design specifies', async () => {
    await begin()
    await ship()
    expect(scene.plane.refreshes[0]).toMatchObject({
      desiredVersion: 2,
      preferences: {
        minHealthyPercentage: 100,
        maxHealthyPercentage: 200,
        checkpointPercentages: [33, 100],
        checkpointDelay: 120,
        bakeTime: 30,
        skipMatching: true,
        autoRollback: true,
        alarms: [ALARM],
      },
    })
  })

  test('leaves existing files in the evidence folder alone', async () => {
    await begin({ behaviours: { [NEW_IMAGE]: { healthStatus: 503 } } })
    await Bun.write(join(evidence(), 'mine.txt'), 'mine')
    const child = rollout(toNew(scene))
    await until(() => commands(scene.plane).length > 0, 'a failing instance is asked')
    scene.behave(NEW_IMAGE, {})
    expect((await ended(child)).code).toBe(0)
    expect(await readdir(evidence())).toEqual(['mine.txt'])
  })

  test('exits with 3 after an alarm, marks the release, and keeps evidence from failed instances', async () => {
    await begin({
      behaviours: {
        // Time to ask the failed instances before others replace them, on a busy machine too.
        [OLD_IMAGE]: { bootMs: 1500 },
        [NEW_IMAGE]: {
          commands: {
            bundle: { exitCode: 0, stdout: 'Main process exited, status=78/CONFIG\n', stderr: '' },
          },
        },
      },
    })
    const child = await shipUntilBaking()
    scene.plane.setAlarm(ALARM, 'ALARM', 'too many errors')
    const ran = await ended(child)
    expect(ran.out).toContain('verdict     rolled back')
    expect(ran.code).toBe(3)
    expect(mark()).toBe(NEW)
    expect(releases()).toEqual([OLD, OLD, OLD])
    const { verdict, exitCode, evidence: found } = await receipt()
    expect({ verdict, exitCode }).toEqual({ verdict: 'rolled back', exitCode: 3 })
    expect(found?.likelyCause).toContain('rejects its configuration')
    expect(dirname(found?.folder ?? '')).toBe(evidence())
    const failed = (await readdir(found?.folder ?? '')).filter((name) => name.startsWith('i-'))
    expect(failed.length).toBeGreaterThan(0)
    const bundle = await Bun.file(
      join(found?.folder ?? '', failed[0] as string, 'bundle.txt'),
    ).text()
    expect(bundle).toContain('status=78')
    const comments = commands(scene.plane).map(({ Comment }) => Comment)
    expect(comments).toContain('rollout: evidence from a failed instance')
  })

  test('rolls back on its own when new instances never become healthy', async () => {
    await begin({ behaviours: { [NEW_IMAGE]: { healthStatus: 503 } } })
    const ran = await ship(['--stall-seconds', '1'])
    expect(ran.out).toContain('no new instance became healthy for 1 s: rolling back')
    expect(ran.code).toBe(3)
    expect(scene.double.calls).toContain('RollbackInstanceRefresh')
    expect(releases()).toEqual([OLD, OLD, OLD])
    const { evidence: found, probe } = await receipt()
    expect(found?.likelyCause).toContain('/hc does not return 200')
    expect(found?.likelyCause).toContain('503')
    expect(probe?.failed).toBe(0)
  })

  test('keeps following when it is denied marking the release', async () => {
    await begin({ behaviours: { [NEW_IMAGE]: { healthStatus: 503 } } })
    scene.double.faults.add(/CreateOrUpdateTags/, denied('autoscaling:CreateOrUpdateTags'))
    const ran = await ship(['--stall-seconds', '1'])
    expect(ran.code).toBe(3)
    expect(ran.out).toContain('not done: release')
    expect(ran.out).toContain('autoscaling:CreateOrUpdateTags')
  })

  test('names the failed launch as the cause', async () => {
    await begin({
      behaviours: { [NEW_IMAGE]: { launchFails: 'InsufficientInstanceCapacity: none left' } },
    })
    const ran = await ship(['--stall-seconds', '1'])
    expect(ran.code).toBe(3)
    expect((await receipt()).evidence?.likelyCause).toContain('InsufficientInstanceCapacity')
  })

  test('exits with 4 when AWS fails the refresh', async () => {
    await begin()
    const child = await shipUntilBaking()
    const refresh = scene.plane.refreshes[0]
    if (refresh) refresh.preferences.autoRollback = false
    scene.plane.setAlarm(ALARM, 'ALARM')
    expect((await ended(child)).code).toBe(4)
    expect(await receipt()).toMatchObject({ verdict: 'failed', releases: { [NEW]: 3 } })
  })

  test('exits with 4 when someone cancels the refresh, and reports the mix', async () => {
    await begin()
    const child = rollout([...toNew(scene), '--checkpoint-delay-seconds', '2000'])
    await until(() => releases().includes(NEW) && releases().length === 3, 'the checkpoint')
    const cancelled = await ended(rollout(['cancel', '--poll-seconds', '0.05']))
    expect(cancelled.out).toContain('refresh Cancelled; in service: ')
    expect(cancelled.code).toBe(0)
    expect((await ended(child)).code).toBe(4)
    expect((await receipt()).releases).toEqual({ [OLD]: 2, [NEW]: 1 })
  })

  test('exits with 5 when its time is up, and leaves the refresh running', async () => {
    await begin()
    scene.behave(NEW_IMAGE, { healthStatus: 503 })
    const quick = ['--checkpoints', 'none', '--watch-seconds', '0', '--before-seconds', '0']
    const ran = await ship([...quick, '--timeout-seconds', '2'])
    expect(ran.code).toBe(5)
    expect(ran.out).toContain(`scripts/rollout watch --group ${name}-production`)
    expect(status()).toBe('InProgress')
  })

  test('exits with 4 when requests failed, although every instance serves the release', async () => {
    await begin()
    const child = await shipUntilBaking('--watch-seconds', '100')
    for (const status of [502, 504]) {
      scene.fleet.outage = status
      await requests(10)
    }
    scene.fleet.outage = undefined
    expect((await ended(child)).code).toBe(4)
    const { reason, probe, observed } = await receipt()
    expect(reason).toContain('requests failed (budget 0)')
    expect(observed?.ok).toBe(true)
    expect(probe?.failures['502']).toBeGreaterThan(0)
    expect(probe?.failures['504']).toBeGreaterThan(0)
    expect(probe?.longestGapSeconds).toBeGreaterThan(0)
    expect(mark()).toBeUndefined()
  })

  test('accepts failures within the budget', async () => {
    await begin()
    const child = await shipUntilBaking('--failure-budget', 'any', '--watch-seconds', '100')
    scene.fleet.outage = 503
    await requests(5)
    scene.fleet.outage = undefined
    expect((await ended(child)).code).toBe(0)
    expect((await receipt()).probe?.failures['503']).toBeGreaterThan(0)
  })

  test('does not believe AWS when an instance answers with another release', async () => {
    await begin({ behaviours: { [NEW_IMAGE]: { otherRelease: OLD } } })
    const ran = await ship(['--observe-seconds', '0.5'])
    expect(ran.code).toBe(4)
    expect((await receipt()).reason).toContain(`still answers /version with ${OLD}`)
  })

  test('waits for a new group to come up without a refresh, whatever its alarms say', async () => {
    const unknown = { name: ALARM, state: 'INSUFFICIENT_DATA', reason: 'no data yet' } as const
    await begin({ behaviours: { [NEW_IMAGE]: { bootMs: 3000 } }, alarms: [unknown] })
    scene.plane.group.version = 2
    for (const instance of scene.plane.instances) scene.plane.machines.terminate(instance, 'test')
    const ran = await ship()
    expect(ran.out).toContain('nothing to replace')
    expect(ran.code).toBe(0)
    expect(scene.double.calls).not.toContain('StartInstanceRefresh')
    const { probe, ...told } = await receipt()
    expect(told).toMatchObject({ verdict: 'shipped', releases: { [NEW]: 3 } })
    expect(probe?.failed).toBe(0)
    expect(probe?.phases.after.requests).toBeGreaterThan(5)
  })

  test('leaves the canary out when the service requires a token and none is given', async () => {
    await begin()
    scene.fleet.tokens.add('secret')
    const without = await ship()
    expect(without.out).toContain('the canary is left out')
    expect(without.code).toBe(0)
    expect(scene.fleet.store.size).toBe(0)
  })

  test('writes and reads the canary with a token', async () => {
    await begin()
    scene.fleet.tokens.add('secret')
    expect((await ship([], { HELLO_TOKEN: 'secret' })).code).toBe(0)
    const { path, body } = canary.write(canary.key, canary.value(0))
    expect([...scene.fleet.store]).toEqual([[path, body ?? '']])
    expect((await receipt()).probe).toMatchObject({ canary: true, failed: 0 })
  })
})
