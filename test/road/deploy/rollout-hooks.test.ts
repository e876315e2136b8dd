import { expect, test } from 'bun:test'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freezeOf } from '../../../scripts/lib/fleet/freeze.ts'
import { accountOf } from '../../lab/aws-double/account.ts'
import { ended } from '../../lab/support/command.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import {
  begin,
  folder,
  receipt,
  releases,
  rollout,
  scene,
  ship,
  useRollout,
} from './fixtures/rollout.ts'
import { GROUP, NEW, NEW_IMAGE, OLD } from './fixtures/scene.ts'

useRollout()

/** Lays out hooks that note their stage, and then do what is said. Returns the options that use them. */
function hooks(scripts: Record<string, string>): string[] {
  const hooks = join(folder, 'hooks')
  mkdirSync(hooks)
  for (const [stage, script] of Object.entries(scripts)) {
    const said = `echo "$HELLO_HOOK_STAGE $HELLO_HOOK_AMI $HELLO_HOOK_VERDICT" | sed 's, *$,,' >>${folder}/said`
    stubCommand(hooks, stage, `#!/bin/sh\n${said}\n${script}\n`)
  }
  return ['--hooks', hooks]
}
const said = () => readFileSync(join(folder, 'said'), 'utf8').trim().split('\n')
const mark = (): string | undefined => scene.plane.group.tags['rolled-back-release']

test('hooks of each stage run in order, once, and the receipt tells of them', async () => {
  await begin()
  const all = hooks({ before: 'echo migrating', 'first-instance': '', shipped: '', back: '' })
  const { code, out } = await ship(all)
  expect(out).toContain('before: migrating\n')
  expect(out).toMatch(/hook +before ended well \(0:0\d\)/)
  expect(code).toBe(0)
  expect(said()).toEqual(
    ['before', 'first-instance', 'shipped'].map((stage) => `${stage} ${NEW_IMAGE} `.trimEnd()),
  )
  expect((await receipt()).hooks[0]).toMatchObject({ stage: 'before', output: 'migrating\n' })
})

test('a hook before that fails refuses the start', async () => {
  await begin()
  const { code, err } = await ship(hooks({ before: 'exit 3', back: '' }))
  expect(err).toContain('the hook before ended with 3. Nothing was started.')
  expect(code).toBe(1)
  expect(scene.plane.refreshes).toEqual([])
  expect(said()).toHaveLength(1)
})

test.each([
  ['first-instance', 'exit 1', 'ended with 1'],
  ['shipped', 'sleep 1000', 'was killed after 1 s'],
])(
  'a hook %s that fails, or hangs, has the release rolled back, and back says so',
  async (stage, script, why) => {
    await begin()
    const failing = hooks({ [stage]: script, back: 'exit 1' })
    const { code, out } = await ship([...failing, '--hook-seconds', '1', '--watch-seconds', '2000'])
    expect(out).toContain(`the hook ${stage} ${why}: rolling back`)
    expect(code).toBe(3)
    expect(releases()).toEqual([OLD, OLD, OLD])
    expect(mark()).toBe(NEW)
    expect(said()).toEqual([`${stage} ${NEW_IMAGE}`, `back ${NEW_IMAGE} rolled back`])
    expect((await receipt()).hooks.map(({ problem }) => problem)).toEqual([why, 'ended with 1'])
  },
)

test('a rollback runs the hook back, whose failure changes no verdict, and no other', async () => {
  await begin()
  expect((await ship()).code).toBe(0)
  const { code } = await ended(
    rollout(['rollback', ...hooks({ before: 'exit 1', back: 'exit 1' })]),
  )
  expect(code).toBe(0)
  expect(said()).toEqual([expect.stringMatching(/^back ami-\w+ shipped$/)])
})

test('a folder that would run nothing is refused', async () => {
  await begin()
  const { code, err } = await ship(['--hooks', '/nowhere'])
  expect(err).toContain('/nowhere does not exist')
  expect(code).toBe(2)
})

test('a freeze refuses what terraform apply starts, too, and never a rollback', async () => {
  await begin()
  const { values } = accountOf(scene.plane)
  values.set(freezeOf(GROUP), '{"reason": "Christmas", "until": "2999-12-27T08:00:00Z"}')
  const refused = await ship()
  expect(refused.err).toContain('deploys are frozen: Christmas, until 2999-12-27T08:00:00Z')
  expect(refused.code).toBe(1)
  expect(scene.plane.refreshes).toEqual([])
  const { code, out } = await ship(['--during-freeze'])
  expect(out).toContain('note        shipped although frozen: Christmas')
  expect(code).toBe(0)
  expect((await ended(rollout(['rollback']))).code).toBe(0)
  expect(releases()).toEqual([OLD, OLD, OLD])
})
