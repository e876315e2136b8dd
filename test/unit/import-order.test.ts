import { expect, test } from 'bun:test'
import { findMisplaced, misplaced } from '../../scripts/lib/import-order.ts'

test('this tree has no upward imports', async () => {
  expect(await findMisplaced()).toEqual([])
})

test.each([
  ['src/telemetry/log.ts', 'src/config/config.ts', 'higher layer'],
  ['src/config/config.ts', 'src/http/exchange.ts', 'higher layer'],
  ['src/http/respond.ts', 'src/app.ts', 'higher layer'],
  ['src/deadline.ts', 'src/telemetry/log.ts', 'higher layer'],
  ['src/http/routes.ts', 'src/birthdays/routes.ts', 'higher layer'],
  ['src/main.ts', 'scripts/lib/service.ts', 'higher layer'],
  ['scripts/lib/errors.ts', 'scripts/lib/aws/clients.ts', 'higher layer'],
  ['scripts/lib/aws/fleet.ts', 'scripts/lib/rollout/run.ts', 'higher layer'],
  ['scripts/lib/rollout/run.ts', 'scripts/lib/deploy/apply.ts', 'higher layer'],
  ['scripts/lib/deploy/apply.ts', 'scripts/lib/commands/rollout.ts', 'higher layer'],
  ['scripts/lib/commands/rollout.ts', 'test/support/app.ts', 'higher layer'],
  ['scripts/lib/ops/operate.ts', 'scripts/lib/rollout/run.ts', 'in the same layer'],
  ['scripts/lib/service.ts', 'src/birthdays/birthday.ts', 'from src, scripts may import only'],
])('%s does not import %s', (path, target, reason) => {
  expect(misplaced(path, target)).toContain(reason)
})

test.each([
  ['src/service.ts', 'src/store/open.ts'],
  ['src/birthdays/store.ts', 'src/store/key-value.ts'],
  ['scripts/lib/cli.ts', 'scripts/lib/aws/errors.ts'],
  ['scripts/lib/deploy/plan.ts', 'scripts/lib/rollout/settings.ts'],
  ['scripts/lib/secrets/tokens.ts', 'src/config/tokens.ts'],
  ['test/rehearsal/cloud.ts', 'test/aws-double/server.ts'],
])('%s may import %s', (path, target) => {
  expect(misplaced(path, target)).toBeUndefined()
})
