import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, service } from '../../../scripts/lib/service.ts'
import {
  DRAIN_SECONDS,
  IDLE_TIMEOUT_SECONDS,
  REDIS_COMMAND_TIMEOUT_MS,
  REQUEST_TIMEOUT_SECONDS,
} from '../../../src/config/timeouts.ts'
import { MARGIN_SECONDS } from '../../lab/rehearsal/balancer/lag.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const unit = read('systemd/app@.service')
const balancer = read('terraform/load_balancer.tf')
const group = read('terraform/group.tf')

/** The only number that `text` assigns to `name`. */
function setting(text: string, name: string): number {
  const found = [...text.matchAll(new RegExp(`^ *${name} *= *(\\d+)(min)?$`, 'gm'))]
  expect(found, `${name} is set once`).toHaveLength(1)
  return Number(found[0]?.[1])
}

const healthCheck = {
  interval: setting(balancer, 'interval'),
  timeout: setting(balancer, 'timeout'),
  healthy: setting(balancer, 'healthy_threshold'),
  unhealthy: setting(balancer, 'unhealthy_threshold'),
}

describe('the timeouts of src, systemd and terraform', () => {
  test('the service keeps an idle connection longer than the load balancer does', () => {
    expect(IDLE_TIMEOUT_SECONDS).toBeGreaterThan(setting(balancer, 'idle_timeout'))
  })

  test('a draining instance is found unhealthy before it stops serving, however late a node acts on it', () => {
    expect(DRAIN_SECONDS).toBeGreaterThanOrEqual(
      healthCheck.interval * healthCheck.unhealthy + MARGIN_SECONDS,
    )
    expect(healthCheck.timeout).toBeLessThan(healthCheck.interval)
  })

  test('systemd waits for the drain and the longest request after it', () => {
    const stop = setting(unit, 'TimeoutStopSec')
    expect(stop).toBeGreaterThan(DRAIN_SECONDS + REQUEST_TIMEOUT_SECONDS)
    expect(unit).not.toMatch(/DRAIN_SECONDS=|REQUEST_TIMEOUT_SECONDS=/)
  })

  test('no layer overrides the drain time of the service', () => {
    expect(group).not.toMatch(/DRAIN_SECONDS|REQUEST_TIMEOUT_SECONDS/)
  })

  test('the load balancer lets the longest request finish before it removes a target', () => {
    expect(setting(balancer, 'deregistration_delay')).toBeGreaterThanOrEqual(
      REQUEST_TIMEOUT_SECONDS,
    )
  })

  test('a store command times out well within a request', () => {
    expect(REDIS_COMMAND_TIMEOUT_MS * 2).toBeLessThan(REQUEST_TIMEOUT_SECONDS * 1000)
  })

  test('the grace period is at least twice the boot time that a deploy assumes', () => {
    // From launch to serving; test/road/image/boot.test.ts measures all but the hypervisor's part.
    const boot = setting(read('scripts/lib/release/plan.ts'), 'const BOOT_SECONDS')
    expect(setting(group, 'health_check_grace_period')).toBeGreaterThanOrEqual(2 * boot)
  })

  test('an instance is warm only once the load balancer has found it healthy', () => {
    expect(setting(group, 'default_instance_warmup')).toBeGreaterThanOrEqual(
      healthCheck.interval * healthCheck.healthy,
    )
  })

  test('a replacement is in service before the old instance is taken out', () => {
    expect(setting(group, 'min_healthy_percentage')).toBe(100)
    expect(setting(group, 'max_healthy_percentage')).toBe(200)
  })

  test('the launch template version is a number', () => {
    expect(group).toMatch(/^ *version = aws_launch_template\.main\.latest_version$/m)
  })

  test('both ends use the same port and path', () => {
    expect(read('terraform/versions.tf')).toMatch(/^ *port *= local\.package\.config\.port$/m)
    expect(unit).toMatch(/^EnvironmentFile=\/usr\/local\/lib\/app\/defaults\.env$/m)
    expect(balancer).toContain(`path                = "${service.health.path}"`)
  })
})
