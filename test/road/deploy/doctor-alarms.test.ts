import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { useWard, ward } from './fixtures/environment.ts'
import { GROUP } from './fixtures/scene.ts'
import { PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

useWard()

describe('alarms', () => {
  test('are well although AWS has reported no errors yet, where their dimensions are known', async () => {
    expect(await ward.well('alarms')).toBe(
      '9 alarms, all OK, on metrics that exist; nothing reported yet, but under known dimensions: HTTPCode_ELB_502_Count, HTTPCode_Target_5XX_Count, TargetResponseTime, ReplicationLag',
    )
  })

  test('are ill when a metric has other dimensions, and say which', async () => {
    for (const metric of ward.account.metrics) {
      const { NodeName, ...others } = metric.dimensions
      if (NodeName) metric.dimensions = { ...others, NodeId: '0001' }
    }
    const found = await ward.find('alarms')
    expect(found).toHaveLength(2)
    expect(found[0]?.text).toBe(
      `${GROUP}-store-memory-0001-001 and 1 more can never ring: AWS/MemoryDB has no DatabaseMemoryUsagePercentage for ClusterName ${GROUP}, NodeName ${GROUP}-0001-001; CloudWatch has it by ClusterName + NodeId`,
    )
    expect(found[0]?.todo).toContain('terraform/alarms.tf')
  })

  test('are ill when a metric has more dimensions than the alarm', async () => {
    const alarm = ward.alarm('unhealthy-hosts')
    if (alarm.metric)
      alarm.metric = { ...alarm.metric, dimensions: ward.alarm('elb-5xx').metric?.dimensions ?? {} }
    await ward.finds(
      'alarms',
      /unhealthy-hosts can never ring: .* by LoadBalancer \+ TargetGroup$/,
      /dimensions/,
    )
  })

  test('are ill when the first dimension is wrong', async () => {
    const alarm = ward.alarm('p99')
    if (alarm.metric)
      alarm.metric = { ...alarm.metric, dimensions: { LoadBalancer: 'app/other/1' } }
    await ward.finds(
      'alarms',
      /p99 can never ring: .* under no dimensions at all$/,
      /only when there are requests: run this again then/,
    )
  })

  test('are ill when there are none', async () => {
    ward.scene.plane.alarms.clear()
    await ward.finds('alarms', /^no alarm is named /, /--group/)
  })

  test('are ill when one that Terraform made is gone', async () => {
    const outputs = {
      url: undefined,
      group: GROUP,
      region: undefined,

      alarms: [`${GROUP}-gone`],
    }
    const found = await ward.find('alarms', { terraform: undefined as never, outputs })
    expect(found.map(({ text }) => text)).toEqual([`the alarm ${GROUP}-gone does not exist`])
  })

  test.each([
    ['ALARM', 'Threshold crossed.', /is in ALARM: Threshold crossed$/, /no rollout starts/],
    ['INSUFFICIENT_DATA', '', /is in INSUFFICIENT_DATA$/, /run this again/],
  ] as const)('are ill in %s', async (state, reason, what, todo) => {
    Object.assign(ward.alarm('p99'), { state, reason })
    await ward.finds('alarms', what, todo)
  })

  test('are ill when one tells nobody', async () => {
    ward.alarm('p99').actionsDisabled = true
    await ward.finds('alarms', /^the actions of .*-p99 are disabled/, /enable-alarm-actions/)
    ward.recover()
    ward.alarm('p99').actions = []
    await ward.finds('alarms', /-p99 has no action: it tells nobody$/, /apply/)
  })

  test('need no action where a composite alarm speaks for them', async () => {
    const child = ward.alarm('p99')
    child.actions = []
    const { actions = [] } = ward.alarm('elb-5xx')
    const composite = { name: `${GROUP}-all`, state: 'OK', reason: '', composite: true } as const
    ward.scene.plane.alarms.set(composite.name, { ...composite, actions, children: [child.name] })
    expect(await ward.well('alarms')).toStartWith('10 alarms, all OK')
  })
})

describe('notifications', () => {
  test('are ill while the only address is not confirmed', async () => {
    ward.account.subscriptions = [{ endpoint: 'ops@example.com', confirmed: false }]
    await ward.finds(
      'notifications',
      /^ops@example\.com \(email\) has not confirmed/,
      /mail from AWS/,
    )
  })

  test('are ill without a subscription', async () => {
    ward.account.subscriptions = []
    await ward.finds('notifications', /^nobody has subscribed/, /alarm_email/)
  })
})
