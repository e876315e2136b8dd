import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  AutoScalingClient,
  CreateAutoScalingGroupCommand,
  DescribeAutoScalingGroupsCommand,
} from '@aws-sdk/client-auto-scaling'
import {
  CloudWatchClient,
  PutMetricAlarmCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch'
import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  DeregisterImageCommand,
  EC2Client,
  RegisterImageCommand,
} from '@aws-sdk/client-ec2'
import { name } from '../../../package.json'
import { type Ministack, startMinistack } from '../../lab/aws-double/ministack.ts'
import type { Ran } from '../../lab/support/command.ts'
import { awsEnvironment, credentialsOf, GROUP, NEW, OLD } from './fixtures/scene.ts'
import { runScript } from './fixtures/script.ts'

// The first run installs the emulator.
setDefaultTimeout(180_000)

/** An independent implementation of the APIs: what it understands too is not our own dialect. */
let emulator: Ministack
let env: Record<string, string>
let autoScaling: AutoScalingClient
let cloudwatch: CloudWatchClient
let ec2: EC2Client
let templateId: string
let images: string[]

async function bake(release: string): Promise<string> {
  const answer = await ec2.send(
    new RegisterImageCommand({
      Name: `${name}-${release.slice(0, 12)}-arm64`,
      Architecture: 'arm64',
      TagSpecifications: [
        {
          ResourceType: 'image',
          Tags: [
            { Key: 'service', Value: name },
            { Key: 'release', Value: release },
          ],
        },
      ],
    }),
  )
  return answer.ImageId as string
}

beforeAll(async () => {
  emulator = await startMinistack()
  env = awsEnvironment(emulator.url, 'administrator')
  const options = {
    endpoint: emulator.url,
    region: 'eu-west-1',
    credentials: credentialsOf('administrator'),
  }
  autoScaling = new AutoScalingClient(options)
  cloudwatch = new CloudWatchClient(options)
  ec2 = new EC2Client(options)
  images = [await bake(OLD), await bake(NEW)]
  const data = (index: number) => ({
    ImageId: images[index] as string,
    TagSpecifications: [
      {
        ResourceType: 'instance' as const,
        Tags: [{ Key: 'release', Value: index === 0 ? OLD : NEW }],
      },
    ],
  })
  const template = await ec2.send(
    new CreateLaunchTemplateCommand({ LaunchTemplateName: GROUP, LaunchTemplateData: data(0) }),
  )
  templateId = template.LaunchTemplate?.LaunchTemplateId as string
  await ec2.send(
    new CreateLaunchTemplateVersionCommand({
      LaunchTemplateId: templateId,
      LaunchTemplateData: data(1),
    }),
  )
  await autoScaling.send(
    new CreateAutoScalingGroupCommand({
      AutoScalingGroupName: GROUP,
      MinSize: 0,
      MaxSize: 3,
      DesiredCapacity: 0,
      AvailabilityZones: ['eu-west-1a'],
      LaunchTemplate: { LaunchTemplateId: templateId, Version: '2' },
    }),
  )
  await cloudwatch.send(
    new PutMetricAlarmCommand({
      AlarmName: 'errors',
      Namespace: 'AWS/ApplicationELB',
      MetricName: 'HTTPCode_Target_5XX_Count',
      ComparisonOperator: 'GreaterThanThreshold',
      EvaluationPeriods: 1,
      Period: 60,
      Threshold: 1,
      Statistic: 'Sum',
    }),
  )
})
afterAll(async () => await emulator[Symbol.asyncDispose]())

const rollout = async (...args: string[]): Promise<Ran> =>
  await runScript('rollout', [...args, '--poll-seconds', '0.1', '--no-probe'], env)

const start = (version: number, release: string): string[] => [
  'start',
  ...['--launch-template-id', templateId, '--launch-template-version', String(version)],
  ...['--release', release, '--alarm', 'errors'],
]

describe('against ministack', () => {
  test('status shows the group', async () => {
    const { code, out } = await rollout('status')
    expect(code).toBe(0)
    expect(out).toContain(`group    ${GROUP}: no instance, 0 desired, launch template version 2`)
    expect(out).toContain('refresh  none yet')
  })

  test('start refuses what does not exist', async () => {
    const { code, err } = await rollout(...start(9, NEW), '--alarm', 'nothing')
    expect(code).toBe(1)
    expect(err).toContain(`launch template ${templateId} has no version 9`)
    expect(err).toContain("there is no alarm 'nothing'")
    expect((await rollout(...start(2, OLD))).err).toContain(
      'contains release bbbbbbbbbbbb, not aaaaaaaaaaaa',
    )
    const unknown = await rollout('status', '--group', `${name}-staging`)
    expect(unknown.err).toContain(`there is no Auto Scaling group '${name}-staging'`)
  })

  test('start refuses while an alarm is in ALARM', async () => {
    const state = (StateValue: 'ALARM' | 'OK') =>
      cloudwatch.send(
        new SetAlarmStateCommand({ AlarmName: 'errors', StateValue, StateReason: 'too many' }),
      )
    await state('ALARM')
    const { code, err } = await rollout(...start(1, OLD))
    await state('OK')
    expect(code).toBe(1)
    expect(err).toContain('errors is in ALARM: too many')
  })

  test('rollback goes to the previous version and marks the release on the group', async () => {
    const { code, out } = await rollout('rollback')
    expect(out).toContain('rolling back from version 2 to version 1, release aaaaaaaaaaaa')
    expect(code).toBe(0)
    const { AutoScalingGroups } = await autoScaling.send(new DescribeAutoScalingGroupsCommand({}))
    expect(AutoScalingGroups?.[0]?.Tags).toContainEqual(
      expect.objectContaining({ Key: 'rolled-back-release', Value: NEW }),
    )
    const { err } = await rollout(...start(2, NEW))
    expect(err).toContain('was rolled back on this group')
  })

  test('cancel without a refresh is refused with AWS’s own words', async () => {
    const { code, err } = await rollout('cancel')
    expect(code).toBe(1)
    expect(err).toContain('No active Instance Refresh')
  })

  test('bump --list shows the baked images, and start refuses an AMI that is gone', async () => {
    const listed = await runScript('bump', ['--list'], env)
    for (const image of images) expect(listed.out).toContain(image)
    await ec2.send(new DeregisterImageCommand({ ImageId: images[1] as string }))
    const { code, err } = await rollout(...start(2, NEW), '--retry')
    expect(code).toBe(1)
    expect(err).toContain(`the AMI ${images[1]} of version 2 does not exist`)
  })
})
