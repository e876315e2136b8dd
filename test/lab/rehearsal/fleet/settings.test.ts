import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { root } from '../../../../scripts/lib/service.ts'
import { RULES } from '../balancer/configuration.ts'
import { ALARM_MINUTES } from './alarm-watch.ts'
import { GROUP_RULES } from './cloud.ts'

test.each([
  ['load_balancer.tf', 'idle_timeout', RULES.idle],
  ['load_balancer.tf', 'interval', RULES.interval],
  ['load_balancer.tf', 'timeout', RULES.timeout],
  ['load_balancer.tf', 'healthy_threshold', RULES.healthy],
  ['load_balancer.tf', 'unhealthy_threshold', RULES.unhealthy],
  ['load_balancer.tf', 'deregistration_delay', RULES.deregistration],
  ['group.tf', 'health_check_grace_period', GROUP_RULES.grace],
  ['group.tf', 'default_instance_warmup', GROUP_RULES.warmup],
  ['group.tf', 'min_healthy_percentage', GROUP_RULES.minHealthy],
  ['group.tf', 'max_healthy_percentage', GROUP_RULES.maxHealthy],
])('the rehearsal has the setting of %s: %s is %d', async (file, name, ours) => {
  const text = await Bun.file(join(root, 'terraform', file)).text()
  const [, theirs] = new RegExp(`^\\s*${name}\\s*=\\s*(\\d+)$`, 'm').exec(text) ?? []
  expect(Number(theirs)).toBe(ours)
})

test('the rehearsal has the minutes of the alarms of alarms.tf', async () => {
  const text = await Bun.file(join(root, 'terraform/alarms.tf')).text()
  // One is a sum, and so a resource of its own; the others stand in a table.
  const found = [
    ...text.matchAll(/-(elb-5xx)".*?evaluation_periods += (\d+)/gs),
    ...text.matchAll(/^ {4}([a-z0-9-]+) = \{.*?minutes += (\d+)/gms),
  ]
  expect(Object.fromEntries(found.map(([, name, minutes]) => [name, Number(minutes)]))).toEqual(
    ALARM_MINUTES,
  )
})
