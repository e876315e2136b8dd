import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { AutoScalingClient, CreateAutoScalingGroupCommand } from '@aws-sdk/client-auto-scaling'
import {
  CreateTagsCommand,
  DescribeImagesCommand,
  DescribeSnapshotsCommand,
  ModifyImageAttributeCommand,
} from '@aws-sdk/client-ec2'
import { name } from '../../../package.json'
import { findKept, keep } from '../../../scripts/lib/provenance/kept.ts'
import { seal } from '../../../scripts/lib/receipt/envelope.ts'
import { imagesInUse } from '../../../scripts/lib/release/images-in-use.ts'
import { root } from '../../../scripts/lib/service.ts'
import { noMinistack } from '../../lab/aws-double/ministack.ts'
import { run } from '../../lab/support/command.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import {
  type EmulatedAws,
  type FakeAmi,
  launch,
  makeLaunchTemplate,
  makeSnapshot,
  registerAmi,
  registerUnfinished,
  startEmulatedAws,
  tagsOf,
} from './fixtures/emulated-aws.ts'

const DAY_MS = 86_400_000
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS)

sayWhatIsLeftOut('scripts/gc against an emulated AWS', noMinistack)

describe.skipIf(noMinistack !== undefined)('scripts/gc', () => {
  let cloud: EmulatedAws
  const { privateKey } = generateKeyPairSync('ed25519')
  /** Of releases at least 100 days old, except number 8. */
  const amis: FakeAmi[] = []
  let foreign: string
  let orphan: string
  const folder = temporaryFolder()
  const releases = join(folder.path, 'releases.json')

  beforeAll(async () => {
    cloud = await startEmulatedAws()
    const { ec2, autoScaling } = cloud.aws
    for (let index = 0; index < 11; index++) {
      const age = index === 8 ? 2 : 200 - index
      amis.push(await registerAmi(ec2, index.toString(16).repeat(40), daysAgo(age)))
    }
    const ids = amis.map(({ ami }) => ami)
    // Versions 1 to 6; the first is the default. The groups and instances below use old ones.
    await makeLaunchTemplate(ec2, `${name}-production`, ids.slice(0, 6))
    await makeLaunchTemplate(ec2, 'other', [ids[6] as string, ids[4] as string, ids[5] as string])
    await launch(ec2, `${name}-production`, '2')
    const share = { LaunchPermission: { Add: [{ UserId: '210987654321' }] } }
    await ec2.send(new ModifyImageAttributeCommand({ ImageId: ids[9], ...share }))
    await Bun.write(
      releases,
      JSON.stringify({
        release: 'a'.repeat(40),
        ami_id: 'ami-00000000000000001',
        history: ['ami-00000000000000002', ids[10], ids[3]].map((ami_id) => ({
          release: 'b'.repeat(40),
          ami_id,
          bumped_at: '2026-01-02',
        })),
      }),
    )
    await autoScaling.send(
      new CreateAutoScalingGroupCommand({
        AutoScalingGroupName: `${name}-production`,
        LaunchTemplate: { LaunchTemplateName: `${name}-production`, Version: '3' },
        MinSize: 0,
        MaxSize: 0,
        AvailabilityZones: ['eu-west-1a'],
      }),
    )
    const tags = tagsOf({ Name: `packer ${name} ${'2'.repeat(12)}` })
    await ec2.send(new CreateTagsCommand({ Resources: [ids[2] as string], Tags: tags }))
    const old = daysAgo(300).toISOString()
    for (const index of [3, 4]) {
      await keep(cloud.aws, ids[index] as string, seal({}, privateKey))
    }
    orphan = await makeSnapshot(
      ec2,
      tagsOf({ service: name, release: 'f'.repeat(40), 'baked-at': old }),
    )
    foreign = await makeSnapshot(ec2, tagsOf({ service: 'database', 'baked-at': old }))
  }, 180_000)

  afterAll(async () => {
    folder[Symbol.dispose]()
    await cloud?.[Symbol.asyncDispose]()
  })

  const gc = (...options: string[]) =>
    run([join(root, 'scripts/gc'), '--file', releases, ...options], {
      env: { ...process.env, ...cloud.env },
    })

  async function left() {
    const images = await cloud.aws.ec2.send(
      new DescribeImagesCommand({
        Owners: ['self'],
        Filters: [{ Name: 'tag:service', Values: [name] }],
      }),
    )
    const snapshots = await cloud.aws.ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }))
    return {
      amis: images.Images?.map(({ ImageId }) => ImageId as string) ?? [],
      snapshots: snapshots.Snapshots?.map(({ SnapshotId }) => SnapshotId as string) ?? [],
    }
  }

  const reasons = (stdout: string) =>
    Object.fromEntries(
      JSON.parse(stdout).remains.map(({ ami, snapshots, reason }: Record<string, string>) => [
        ami ?? snapshots?.[0],
        reason,
      ]),
    )

  test('says why each image stays, and changes nothing', async () => {
    const before = await left()
    const { out, err, code } = await gc('--keep', '2', '--json')
    expect(code).toBe(0)
    const said = reasons(out)
    const of = (index: number) => said[amis[index]?.ami as string]
    expect(of(0)).toBe(`${name}-production version 1`)
    expect(of(1)).toMatch(/^instance i-/)
    expect(of(2)).toBe(`group ${name}-production`)
    expect(of(3)).toBeUndefined()
    expect(of(4)).toMatch(/version/)
    expect(of(5)).toMatch(/version/)
    expect(of(6)).toBe('other version 1')
    expect(of(7)).toBeUndefined()
    expect(of(8)).toBe('young')
    expect(of(9)).toBe('shared with 210987654321')
    expect(of(10)).toBe('releases.json')
    expect(said[orphan]).toBeUndefined()
    expect(Object.keys(said)).not.toContain(foreign)
    expect(err).toContain('3 can go: scripts/gc --yes removes them')
    expect(await left()).toEqual(before)
  })

  test('prints a table by default', async () => {
    const { out } = await gc('--keep', '2')
    expect(out).toMatch(new RegExp(`^${amis[3]?.ami} +333333333333 +\\S+ +can go$`, 'm'))
    expect(out).toMatch(new RegExp(`^${amis[8]?.ami} +888888888888 +\\S+ +stays: young$`, 'm'))
  })

  test('with --yes removes exactly what can go, with its snapshots and statement', async () => {
    const before = await left()
    const { out, err, code } = await gc('--keep', '2', '--yes', '--json')
    expect(err).toContain('removed 3 of 3')
    const removed = JSON.parse(out).remains.filter((each: { removed: boolean }) => each.removed)
    expect(removed.map((each: { reason?: string }) => each.reason)).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(code).toBe(0)
    const gone = [amis[3], amis[7]] as FakeAmi[]
    const snapshots = [...gone.map(({ snapshot }) => snapshot), orphan]
    const after = await left()
    expect(after.amis.sort()).toEqual(
      before.amis.filter((id) => !gone.some(({ ami }) => ami === id)).sort(),
    )
    expect(after.snapshots.sort()).toEqual(
      before.snapshots.filter((id) => !snapshots.includes(id)).sort(),
    )
    expect(after.snapshots).toContain(foreign)
    // What is stated about an image goes with it, and not before.
    const kept = [3, 4].map((index) => findKept(cloud.aws, amis[index]?.ami as string))
    expect(await Promise.all(kept)).toEqual([undefined, expect.any(String)])
  })

  test('finds nothing more to remove the second time', async () => {
    const before = await left()
    expect((await gc('--keep', '2', '--yes')).err).toContain('removed 0 of 0')
    expect(await left()).toEqual(before)
  })

  test('counts what a mixed instances group launches as in use', async () => {
    const template = (version: number) =>
      `<LaunchTemplateSpecification><LaunchTemplateName>${name}-production</LaunchTemplateName><Version>${version}</Version></LaunchTemplateSpecification>`
    const answer = `<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>
      <AutoScalingGroupName>mixed</AutoScalingGroupName>
      <MixedInstancesPolicy><LaunchTemplate>${template(4)}<Overrides><member>${template(3)}</member><member><ImageId>ami-0override</ImageId></member></Overrides></LaunchTemplate></MixedInstancesPolicy>
    </member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>`
    using server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Response(answer, { headers: { 'Content-Type': 'text/xml' } }),
    })
    const autoScaling = new AutoScalingClient({ region: 'eu-west-1', endpoint: String(server.url) })
    const inUse = await imagesInUse({ ...cloud.aws, autoScaling }, 1)
    expect(inUse.get(amis[3]?.ami as string)).toBe('group mixed')
    expect(inUse.get(amis[2]?.ami as string)).toBe('group mixed')
    expect(inUse.get('ami-0override')).toBe('group mixed')
  })

  test('removes what failed bakes left, once it is old', async () => {
    const { ec2 } = cloud.aws
    const failed = await registerUnfinished(ec2, 'e'.repeat(40))
    const alone = await makeSnapshot(ec2, tagsOf({ Name: `packer ${name} ${'d'.repeat(12)}` }))
    const young = reasons((await gc('--json')).out)
    // The emulator's images have no creation date.
    expect([young[failed.ami], young[alone]]).toEqual([undefined, 'young'])
    await gc('--older-than', '0', '--keep', '1000', '--yes')
    const { Images } = await ec2.send(new DescribeImagesCommand({ Owners: ['self'] }))
    expect(Images?.map(({ ImageId }) => ImageId)).not.toContain(failed.ami)
    const { snapshots } = await left()
    expect(snapshots).not.toContain(failed.snapshot)
    expect(snapshots).not.toContain(alone)
    expect(snapshots).toContain(foreign)
  })

  test.each([
    [['--keep', '0'], /--keep needs a whole number from 1/],
    [['--keep', '1.5'], /--keep needs a whole number from 1 to 1000, got '1.5'/],
    [['--older-than', 'long'], /--older-than needs a number/],
    [['everything'], /takes no arguments, got 'everything'/],
    [['--all'], /Unknown option '--all'/],
  ])('refuses %p', async (options, message) => {
    const { err, code } = await gc(...options)
    expect(code).toBe(2)
    expect(err).toMatch(message)
    expect(err).toEndWith(' (scripts/gc --help)\n')
  })

  test('says in a sentence that AWS cannot be reached', async () => {
    const { code, err } = await run([join(root, 'scripts/gc')], {
      env: {
        ...process.env,
        ...cloud.env,
        AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
        AWS_MAX_ATTEMPTS: '1',
      },
    })
    expect(err).toMatch(/^gc: AWS cannot be reached at http:\/\/127.0.0.1:1/)
    expect(code).toBe(1)
  })
})
