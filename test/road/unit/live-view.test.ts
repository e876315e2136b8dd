import { expect, test } from 'bun:test'
import type { Fleet, Member } from '../../../scripts/lib/fleet/fleet.ts'
import { frame } from '../../../scripts/lib/rollout/live-view.ts'

const at = new Date('2026-01-01T00:10:00Z')

const member = (id: string, changes: Partial<Member>): Member => ({
  id,
  zone: 'eu-west-1a',
  templateVersion: 1,
  release: 'a'.repeat(40),
  ami: undefined,
  privateIp: undefined,
  launchedAt: new Date('2026-01-01T00:09:20Z'),
  lifecycle: 'InService',
  health: 'Healthy',
  target: 'healthy',
  targetReason: undefined,
  targetDescription: undefined,
  port: undefined,
  ...changes,
})

const fleet: Fleet = {
  at,
  group: {} as Fleet['group'],
  name: 'any-production',
  desired: 2,
  templateVersion: 1,
  members: [
    member('i-0123456789abcdef0', {}),
    member('i-0123456789abcdef1', {
      templateVersion: 2,
      release: 'b'.repeat(40),
      target: 'unhealthy',
      targetReason: 'Target.FailedHealthChecks',
    }),
  ],
  refresh: {
    Status: 'InProgress',
    PercentageComplete: 50,
    StatusReason:
      'Waiting for instances to warm up before continuing. For example: i-0123456789abcdef1 is warming up.',
  },
}

const view = {
  startedAt: new Date('2026-01-01T00:00:00Z'),
  fleet,
  release: 'b'.repeat(40),
  templateVersion: 2,
  outlook: 'goes back in 9:20 unless another new instance becomes healthy',
}

test.each([60, 80])('a terminal of %d columns shows all that matters of a rollout', (columns) => {
  const rows = frame(view, columns - 1, (_, text) => text)
  for (const row of rows) expect(Bun.stringWidth(row)).toBeLessThan(columns)
  const text = rows.join(' ')
  expect(text).toContain('i-0123456789abcdef1 is warming up.')
  expect(text).toContain('goes back in 9:20 unless another new instance becomes healthy')
  expect(text).toContain('undo it: scripts/rollout rollback --group any-production')
  expect(text).toMatch(/i-0123456789abcdef0 +a{12} +40 s +healthy/)
  expect(text).toMatch(/i-0123456789abcdef1 +b{12} +40 s +unhealthy/)
  if (columns === 80) expect(text).toContain('unhealthy (FailedHealthChecks)')
})
