import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  AutoScalingClient,
  CancelInstanceRefreshCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeInstanceRefreshesCommand,
  type InstanceRefresh,
  RollbackInstanceRefreshCommand,
  StartInstanceRefreshCommand,
} from '@aws-sdk/client-auto-scaling'
import {
  credentialsOf,
  GROUP,
  NEW_IMAGE,
  type Scene,
  type SceneOptions,
  startScene,
  TEMPLATE,
} from './fixtures/scene.ts'
import { PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

let scene: Scene
afterEach(async () => await scene.stop())

async function begin(options: SceneOptions = {}): Promise<AutoScalingClient> {
  scene = await startScene(options)
  return new AutoScalingClient({
    endpoint: scene.double.url,
    region: 'eu-west-1',
    credentials: credentialsOf('deploy'),
    maxAttempts: 1,
  })
}

const refresh = (preferences: object = {}, version = '2') =>
  new StartInstanceRefreshCommand({
    AutoScalingGroupName: GROUP,
    DesiredConfiguration: { LaunchTemplate: { LaunchTemplateId: TEMPLATE, Version: version } },
    Preferences: {
      MinHealthyPercentage: 100,
      MaxHealthyPercentage: 200,
      SkipMatching: true,
      AutoRollback: true,
      CheckpointPercentages: [50, 100],
      CheckpointDelay: 10,
      BakeTime: 20,
      ...preferences,
    },
  })

/** Follows to a terminal status; returns every state seen and the fewest and most instances that served. */
async function follow(
  client: AutoScalingClient,
): Promise<{ seen: InstanceRefresh[]; fewest: number; most: number }> {
  const seen: InstanceRefresh[] = []
  let fewest = Number.POSITIVE_INFINITY
  let most = 0
  for (;;) {
    const answer = await client.send(
      new DescribeInstanceRefreshesCommand({ AutoScalingGroupName: GROUP }),
    )
    const latest = answer.InstanceRefreshes?.[0] as InstanceRefresh
    seen.push(latest)
    const live = scene.plane.instances.filter(({ lifecycle }) => lifecycle === 'InService')
    fewest = Math.min(fewest, live.filter(({ target }) => target.state === 'healthy').length)
    most = Math.max(most, live.length)
    if (/Successful|Failed|Cancelled/.test(String(latest.Status))) return { seen, fewest, most }
    await Bun.sleep(10)
  }
}

const versions = () =>
  scene.plane.instances
    .filter(({ lifecycle }) => lifecycle === 'InService')
    .map(({ version }) => version)

describe('the control plane', () => {
  test('replaces the fleet behind a checkpoint, bakes, and saves the version on the group', async () => {
    const client = await begin()
    await client.send(refresh())
    const { seen, fewest, most } = await follow(client)
    expect(seen.at(-1)?.Status).toBe('Successful')
    expect(new Set(seen.map(({ Status }) => Status))).toContain('Baking')
    expect(seen.some(({ StatusReason }) => StatusReason?.includes('50% checkpoint'))).toBe(true)
    expect(fewest).toBeGreaterThanOrEqual(3)
    expect(most).toBeGreaterThan(3)
    expect(versions()).toEqual([2, 2, 2])
    const groups = await client.send(
      new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [GROUP] }),
    )
    expect(groups.AutoScalingGroups?.[0]?.LaunchTemplate?.Version).toBe('2')
  })

  test('rolls back to the version saved on the group when an alarm triggers', async () => {
    const client = await begin()
    const alarms = { AlarmSpecification: { Alarms: ['errors'] }, BakeTime: 2000 }
    scene.plane.setAlarm('errors', 'INSUFFICIENT_DATA')
    expect(client.send(refresh(alarms))).rejects.toThrow('is not in the OK state')
    scene.plane.setAlarm('errors', 'OK')
    await client.send(refresh(alarms))
    while (versions().length < 3 || !versions().includes(2)) await Bun.sleep(10)
    scene.plane.setAlarm('errors', 'ALARM', 'too many')
    const { seen, fewest } = await follow(client)
    const last = seen.at(-1)
    expect(last?.Status).toBe('RollbackSuccessful')
    expect(last?.RollbackDetails?.RollbackReason).toContain('errors')
    expect(fewest).toBeGreaterThanOrEqual(3)
    expect(versions()).toEqual([1, 1, 1])
    expect(scene.plane.group.version).toBe(1)
  })

  test('keeps replacing instances that never become healthy, then rolls back for lack of progress', async () => {
    const client = await begin({
      behaviours: { [NEW_IMAGE]: { healthStatus: 503 } },
      stallSeconds: 150,
    })
    await client.send(refresh())
    const { seen, fewest } = await follow(client)
    expect(seen.at(-1)?.Status).toBe('RollbackSuccessful')
    expect(fewest).toBe(3)
    expect(scene.plane.instances.filter(({ version }) => version === 2).length).toBeGreaterThan(2)
  })

  test('stops where it is when cancelled, and leaves the group at its size', async () => {
    const client = await begin()
    await client.send(refresh({ CheckpointDelay: 2000 }))
    while (!versions().includes(2)) await Bun.sleep(10)
    await client.send(new CancelInstanceRefreshCommand({ AutoScalingGroupName: GROUP }))
    const { seen } = await follow(client)
    expect(seen.at(-1)?.Status).toBe('Cancelled')
    expect(scene.plane.group.version).toBe(1)
  })

  test('rolls back on request, even while it bakes', async () => {
    const client = await begin()
    await client.send(refresh({ BakeTime: 10_000 }))
    while (scene.plane.refreshes[0]?.status !== 'Baking') await Bun.sleep(10)
    await client.send(new RollbackInstanceRefreshCommand({ AutoScalingGroupName: GROUP }))
    const { seen } = await follow(client)
    expect(seen.at(-1)?.Status).toBe('RollbackSuccessful')
    expect(versions()).toEqual([1, 1, 1])
  })

  test('skips instances that already match', async () => {
    const client = await begin()
    const before = scene.plane.instances.map(({ id }) => id)
    await client.send(refresh({}, '1'))
    const { seen } = await follow(client)
    expect(seen.at(-1)?.Status).toBe('Successful')
    expect(scene.plane.instances.map(({ id }) => id)).toEqual(before)
  })

  test('replaces a dead instance, the new one first', async () => {
    await begin()
    const dead = scene.plane.instances[0]?.id as string
    scene.fleet.kill(dead)
    while (scene.plane.machines.instances.get(dead)?.lifecycle !== 'Terminated') await Bun.sleep(10)
    while (versions().length !== 3) await Bun.sleep(10)
    expect(
      scene.plane.machines.activities.some(({ cause }) => cause.includes('health check')),
    ).toBe(true)
  })

  test('refuses what AWS refuses', async () => {
    const client = await begin()
    const named = async (promise: Promise<unknown>) =>
      await promise.then(
        () => 'accepted',
        (error: Error) => `${error.name}: ${error.message}`,
      )
    expect(await named(client.send(refresh({}, '9')))).toContain('version 9')
    expect(await named(client.send(refresh({}, '$Latest')))).toContain('$Latest')
    expect(await named(client.send(refresh({ CheckpointPercentages: [100, 50] })))).toContain(
      'ascending',
    )
    expect(await named(client.send(refresh({ MaxHealthyPercentage: 250 })))).toContain(
      'out of range',
    )
    await client.send(refresh())
    expect(await named(client.send(refresh()))).toContain('InstanceRefreshInProgress')
    await client.send(new CancelInstanceRefreshCommand({ AutoScalingGroupName: GROUP }))
    await follow(client)
    const again = new CancelInstanceRefreshCommand({ AutoScalingGroupName: GROUP })
    expect(await named(client.send(again))).toContain('ActiveInstanceRefreshNotFound')
  })
})
