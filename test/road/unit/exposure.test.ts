import { expect, test } from 'bun:test'
import { fittingCheckpoints } from '../../../scripts/lib/fleet/refresh.ts'
import { checkpointsFor } from '../../../scripts/lib/rollout/options.ts'
import { ControlPlane } from '../../lab/aws-double/control-plane.ts'
import type { InstanceDriver } from '../../lab/aws-double/driver.ts'

/** How many instances run the new release at each stop, by size of the fleet. */
const EXPOSED: Record<number, number[]> = {
  1: [1],
  ...Object.fromEntries(Array.from({ length: 8 }, (_, index) => [index + 2, [1, index + 2]])),
  10: [1, 5, 10],
  11: [2, 6, 11],
  12: [2, 6, 12],
  13: [2, 7, 13],
  14: [2, 7, 14],
  15: [2, 8, 15],
  16: [2, 8, 16],
  17: [2, 9, 17],
  18: [2, 9, 18],
  19: [2, 10, 19],
  20: [2, 10, 20],
}

/** Machines that run and serve as soon as they are launched. */
const INSTANT: InstanceDriver = {
  launch: async () => ({ privateIp: '10.0.0.1' }),
  terminate: async () => {},
  alive: async () => true,
  register: async () => {},
  deregister: async () => {},
  drained: async () => true,
  targetHealth: async () => ({ state: 'healthy' }),
  run: async () => ({ exitCode: 0, stdout: '', stderr: '' }),
}

/** By the double: how many instances of the new version serve at each stop of a rollout, on a clock of its own. */
async function exposedByDouble(desired: number): Promise<number[]> {
  let now = 0
  const tags = { service: 'service' }
  const version = { imageId: 'ami-0', userData: '', tags, description: '', createdAt: 0 }
  const plane = new ControlPlane({
    group: {
      name: 'group',
      templateId: 'lt-0',
      version: 1,
      minSize: 0,
      maxSize: 40,
      desired,
      zones: ['a'],
      targetGroupArn: 'arn',
      loadBalancerDns: 'balancer',
      listenerPort: 80,
      graceSeconds: 0,
      warmupSeconds: 60,
      deregistrationSeconds: 0,
      minHealthyPercentage: 100,
      maxHealthyPercentage: 200,
      tags,
      suspended: new Set(),
    },
    template: { id: 'lt-0', name: 'group', tags, versions: [version, version] },
    images: [{ id: 'ami-0', name: 'image', architecture: 'arm64', createdAt: 0, tags }],
    clock: { now: () => now, span: (_, seconds) => seconds * 1000 },
    driver: INSTANT,
  })
  const tick = async (): Promise<void> => {
    now += 10_000
    await plane.tick()
    await plane.machines.settle()
  }
  for (let count = 0; count < 20; count++) await tick()
  const refresh = plane.startRefresh(2, {
    minHealthyPercentage: 100,
    maxHealthyPercentage: 200,
    instanceWarmup: 60,
    checkpointPercentages: fittingCheckpoints(checkpointsFor(desired), desired),
    checkpointDelay: 240,
    bakeTime: 60,
    skipMatching: true,
    autoRollback: true,
    alarms: [],
  })
  const exposed: number[] = []
  for (let count = 0; count < 1000 && refresh.status !== 'Successful'; count++) {
    await tick()
    const isNew = plane.instances.filter(
      (each) => each.version === 2 && each.lifecycle === 'InService',
    ).length
    if (refresh.checkpointReachedAt !== undefined) exposed[refresh.checkpoint] = isNew
    // Between two stops, never more than the next one allows.
    const most = EXPOSED[desired]?.[refresh.checkpoint] ?? desired
    if (isNew > most) throw new Error(`${isNew} of ${desired} are new, ${most} may be`)
  }
  return exposed
}

test.each(Object.entries(EXPOSED).map(([size, counts]) => [Number(size), counts] as const))(
  'of %d instances, %j run the new release at one stop after the other',
  async (desired, counts) => {
    // AWS: a checkpoint is reached when at least so many percent of the instances are new.
    const byAws = fittingCheckpoints(checkpointsFor(desired), desired).map((percent) =>
      Array.from({ length: desired }, (_, index) => index + 1).find(
        (isNew) => (100 * isNew) / desired >= percent,
      ),
    )
    expect(byAws).toEqual([...counts])
    expect(await exposedByDouble(desired)).toEqual([...counts])
  },
)
