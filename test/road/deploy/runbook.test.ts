import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { run } from '../../lab/support/command.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { type Scene, startScene } from './fixtures/scene.ts'
import { environment, PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

const runbook = await Bun.file(join(root, 'scripts/RUNBOOK.md')).text()
const headings = [...runbook.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)

/** Each line of its shell blocks, without comments. */
const commands = [...runbook.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  .flatMap(([, block = '']) => block.trim().split('\n'))
  .map((line) => line.replace(/\s+#.*$/, ''))

test('each alarm has its heading, which its mail names', async () => {
  const alarms = await Bun.file(join(root, 'terraform/alarms.tf')).text()
  const ofTargets = [...alarms.matchAll(/^ {4}([a-z0-9-]+) = \{$/gm)].map(([, name]) => name)
  const others = [...alarms.matchAll(/alarm_name +=.*\.name\}-([a-z0-9-]*[a-z0-9])/g)].map(
    ([, name]) => name,
  )
  expect(ofTargets.length).toBeGreaterThanOrEqual(3)
  expect(others.length).toBeGreaterThanOrEqual(4)
  expect(headings).toEqual(expect.arrayContaining([...ofTargets, ...others]))
  const named = [...alarms.matchAll(/alarm_description +=.*: scripts\/RUNBOOK\.md#(\S+)"$/gm)]
  expect(named.map(([, name]) => name).sort()).toEqual([`\${each.key}`, ...others].sort())
})

let scene: Scene
beforeAll(async () => {
  scene = await startScene({ role: 'operator' })
})
afterAll(() => scene.stop())

/** The words of a command as a shell would pass them, about an instance of the scene. */
function wordsOf(command: string): string[] {
  const instance =
    scene.plane.instances.find(({ lifecycle }) => lifecycle === 'InService')?.id ?? ''
  return [...command.replaceAll('INSTANCE', instance).matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  )
}

describe('its commands', () => {
  test('are scripts of this tree', () => {
    expect(commands.length).toBeGreaterThan(20)
    for (const command of commands) expect(command).toStartWith('scripts/')
  })

  test.each([...new Set(commands)])(
    '%s is understood, and answered without a trace',
    async (command) => {
      using folder = temporaryFolder()
      const [script = '', ...words] = wordsOf(command)
      const how = { cwd: folder.path, env: environment(scene.env) }
      // On the double nobody waits for alarms.
      const quick = words[0] === 'restart' ? ['--unspaced'] : []
      const { code, output } = await run([join(root, script), ...words, ...quick], how)
      expect(output).not.toMatch(/^\s+at .*:\d+:\d+/m)
      expect(code).not.toBe(2)
    },
  )
})
