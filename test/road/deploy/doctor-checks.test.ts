import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { name } from '../../../package.json'
import { CHECKS, type CheckName } from '../../../scripts/lib/doctor/examine.ts'
import { TAG } from '../../../scripts/lib/fleet/tags.ts'
import type { Finding } from '../../../scripts/lib/verify/finding.ts'
import type { Instance } from '../../lab/aws-double/model.ts'
import { useWard, ward } from './fixtures/environment.ts'
import { NEW_IMAGE, OLD_IMAGE, until } from './fixtures/scene.ts'
import { PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

useWard()

const first = (): Instance => ward.scene.plane.instances[0] as Instance

test.each((Object.keys(CHECKS) as CheckName[]).filter((check) => check !== 'plan'))(
  '%s is well in an account in which all is well',
  async (check) => {
    expect(await ward.well(check)).not.toBe('')
  },
)

describe('service', () => {
  test('is ill when the health check fails', async () => {
    ward.scene.fleet.outage = 503
    await ward.finds('service', /\/hc answers 503$/, /scripts\/ops/)
    ward.scene.fleet.outage = undefined
  })

  test('is ill when something else answers at its address', async () => {
    ward.scene.behave(OLD_IMAGE, { otherRelease: 'd'.repeat(40) })
    await ward.finds(
      'service',
      /answers with release d{12}, but .* run a{12}$/,
      /another environment/,
    )
    ward.scene.behave(OLD_IMAGE, {})
  })

  test('is ill when nothing answers', async () => {
    const { loadBalancerDns } = ward.scene.plane.group
    ward.scene.plane.group.loadBalancerDns = 'nothing.invalid'
    await ward.finds('service', /^http:\/\/nothing\.invalid:\d+ does not answer \(/, /DNS records/)
    ward.scene.plane.group.loadBalancerDns = loadBalancerDns
  })
})

describe('instances', () => {
  test('are ill while the load balancer sees them as unhealthy, with its reason', async () => {
    const { plane } = ward.scene
    const states = () => plane.instances.map(({ target }) => target.state)
    // Nor are they replaced meanwhile.
    plane.group.suspended.add('HealthCheck')
    ward.scene.behave(OLD_IMAGE, { healthStatus: 503 })
    await until(() => states().every((state) => state === 'unhealthy'), 'all are unhealthy')
    const found = await ward.find('instances')
    ward.scene.behave(OLD_IMAGE, {})
    await until(() => states().every((state) => state === 'healthy'), 'all are healthy again')
    plane.group.suspended.delete('HealthCheck')
    expect(found).toHaveLength(3)
    expect(found[0]?.text).toContain('sees it as unhealthy (Target.ResponseCodeMismatch: ')
    expect(found[0]?.todo).toContain(`scripts/ops logs ${first().id}`)
  })

  test('are ill after a failed launch, with what AWS said', async () => {
    const { activities } = ward.scene.plane.machines
    activities.unshift({
      id: 'failed',
      description: 'Launching a new EC2 instance.',
      cause: '',
      startedAt: Date.now() - 600_000,
      status: 'Failed',
      message: 'You have requested more vCPU capacity than your current vCPU limit.',
    })
    await ward.finds('instances', /^10 min ago: Launching .* vCPU limit\.$/, /a quota/)
    activities.shift()
  })

  test('are ill where SSM does not reach one', async () => {
    ward.account.offline.add(first().id)
    await ward.finds('agents', new RegExp(`^SSM does not reach ${first().id}$`), /endpoints/)
  })

  test('are ill where the account wants of a shell what they cannot give', async () => {
    ward.account.preferences = { kmsKeyId: '', runAsEnabled: false, idleSessionTimeout: '20' }
    expect(await ward.well('agents')).toMatch(/^SSM reaches \d+ instances$/)
    ward.account.preferences = { kmsKeyId: 'alias/sessions', runAsEnabled: true }
    await ward.finds('agents', /RunShell sets kmsKeyId, runAsEnabled, /, /preferences/)
  })
})

describe('the journal', () => {
  test('is ill when an instance has no stream', async () => {
    ward.account.streams.delete(`${first().id}/${first().tags.release}`)
    await ward.finds(
      'journal',
      new RegExp(`^${first().id}, .* has no stream in /${name}/`),
      /bundle/,
    )
  })

  test('is ill when an instance has sent nothing for minutes', async () => {
    ward.account.streams.set(`${first().id}/${first().tags.release}`, Date.now() - 6 * 60_000)
    await ward.finds('journal', new RegExp(`^${first().id} has sent no line to `), /app-journal/)
  })

  test('is unknown when the user data names no log group', async () => {
    const { versions } = ward.scene.plane.template
    const former = versions.map(({ userData }) => userData)
    for (const version of versions) version.userData = ''
    const found = await Promise.all([ward.find('journal'), ward.find('parameters')])
    versions.forEach((version, index) => {
      version.userData = former[index] ?? ''
    })
    expect(found.flat().map(({ status }) => status)).toEqual(['unknown', 'unknown'])
  })
})

describe('images and the way back', () => {
  test('are ill when the AMI of an earlier release is gone', async () => {
    const { images } = ward.scene.plane
    const image = images.get(NEW_IMAGE)
    images.delete(NEW_IMAGE)
    await ward.finds(
      'images',
      new RegExp(`^the AMI ${NEW_IMAGE} of release b{12}, .* does not exist`),
      /bake/,
    )
    await ward.finds('rollback', /^there is no way back$/, /bake an older commit/)
    if (image) images.set(NEW_IMAGE, image)
  })

  test('are ill when the AMI of an earlier release cannot be used', async () => {
    const image = ward.scene.plane.images.get(NEW_IMAGE)
    if (image) image.state = 'disabled'
    await ward.finds('images', /^the AMI .*, launch template version 1, is disabled: /, /bake/)
    delete image?.state
  })

  test.each([
    [59 * 86_400_000, 'ok', /^the running image was baked on ami-\w+, which is 59 d old$/],
    [61 * 86_400_000, 'problem', /which is 61 d old$/],
    [undefined, 'unknown', /do not say how old/],
  ] as const)(
    'say how old the base of the running one is: %p ms is %s',
    async (ms, status, text) => {
      const { tags = {} as Record<string, string> } = ward.scene.plane.images.get(OLD_IMAGE) ?? {}
      const former = tags[TAG.sourceCreated]
      tags[TAG.sourceCreated] = ms === undefined ? '' : new Date(Date.now() - ms).toISOString()
      const found = (await ward.find('images')).at(-1)
      if (former) tags[TAG.sourceCreated] = former
      expect(found).toMatchObject({ status, text: expect.stringMatching(text) })
      if (status === 'problem') expect(found?.todo).toContain('scripts/bake --patch')
    },
  )

  test('are ill while a process is suspended that a rollback needs', async () => {
    const { suspended } = ward.scene.plane.group
    suspended.add('Launch')
    const found = await ward.find('rollback')
    suspended.delete('Launch')
    expect(found).toEqual([
      { status: 'problem', text: expect.stringMatching(/suspended \(Launch\): resume them with/) },
    ] as unknown as Finding[])
  })

  test('say where a rollback would lead', async () => {
    expect(await ward.well('rollback')).toBe('could start now, to version 1, release bbbbbbbbbbbb')
  })

  test('are well after the first apply, when there is no earlier release', async () => {
    const { versions } = ward.scene.plane.template
    const [earlier] = versions
    if (earlier) versions[0] = { ...earlier, tags: { ...versions[1]?.tags } }
    expect(await ward.well('rollback')).toStartWith('nothing to go back to yet')
    if (earlier) versions[0] = earlier
  })

  test('tell of a running rollout, which a rollback would turn round, and of one that ended early', async () => {
    const { plane } = ward.scene
    plane.template.versions.push({ ...plane.template.versions[0], imageId: NEW_IMAGE } as never)
    plane.startRefresh(3, {
      minHealthyPercentage: 100,
      maxHealthyPercentage: 200,
      instanceWarmup: 0,
      checkpointPercentages: [],
      checkpointDelay: 0,
      bakeTime: 100_000,
      skipMatching: true,
      autoRollback: false,
      alarms: [],
    })
    expect(await ward.well('rollback')).toContain('would turn it round, to version 2')
    await until(() => plane.running?.status === 'Baking', 'the new instances are in')
    plane.cancelRefresh()
    await until(() => !plane.running, 'the refresh is cancelled')
    await ward.finds('rollback', /^the newest change ended early/, /rollback' leads to version 2/)
  })
})
