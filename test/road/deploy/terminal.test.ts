import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { root } from '../../../scripts/lib/service.ts'
import { ended } from '../../lab/support/command.ts'
import { NEW_IMAGE, QUICK, type Scene, startScene, toNew } from './fixtures/scene.ts'
import { environment, PATIENCE_MS, runScript, spawnScript } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

let scene: Scene
beforeAll(async () => {
  // One that never becomes healthy: AWS says why at length, and the rollout goes back.
  scene = await startScene({ behaviours: { [NEW_IMAGE]: { healthStatus: 503 } }, stallSeconds: 40 })
  await ended(spawnScript('rollout', toNew(scene), { ...scene.env, ...QUICK }))
})
afterAll(() => scene.stop())

/** What a script shows in a terminal of so many columns. */
async function shown(
  columns: number,
  [name = '', ...words]: string[],
  extra: Record<string, string> = {},
): Promise<string> {
  const { NO_COLOR: _, ...env } = environment(scene.as('operator'))
  const decoder = new TextDecoder()
  let text = ''
  const terminal = {
    cols: columns,
    rows: 50,
    data: (_: unknown, part: Uint8Array) => {
      text += decoder.decode(part, { stream: true })
    },
  }
  const command = [join(root, 'scripts', name), ...words]
  const process = Bun.spawn(command, { env: { ...env, TERM: 'xterm', ...extra }, terminal })
  expect(await process.exited).toBe(0)
  process.terminal?.close()
  return text
}

const widest = (text: string): number =>
  Math.max(...text.split(/\r?\n/).map((line) => Bun.stringWidth(line)))

test.each(
  [60, 80, 120].flatMap((columns) =>
    [
      ['ops', 'status'],
      ['rollout', 'status'],
      ['rollout', 'list'],
      ['rollout', '--help'],
      ['deploy', '--help'],
    ].map((command) => [columns, command] as const),
  ),
)('a terminal of %d columns breaks no line of %j', async (columns, command) => {
  expect(widest(await shown(columns, command))).toBeLessThanOrEqual(columns)
})

test('ops status shows what matters most at 60 columns, and names what it leaves out', async () => {
  const narrow = stripVTControlCharacters(await shown(60, ['ops', 'status']))
  expect(narrow).toMatch(/^INSTANCE +RELEASE +STATE +\/HC +5XX/m)
  expect(narrow.replaceAll(/\s+/g, ' ')).toContain('(not shown at this width: ADDRESS, ZONE')
  expect(await shown(80, ['ops', 'status'])).toContain('P50/P99 MS')
  const wide = await shown(120, ['ops', 'status'])
  expect(wide).toMatch(/ZONE .* ADDRESS /)
  expect(wide).not.toContain('not shown')
})

test('a pipe gets all columns without colours, and NO_COLOR is heeded', async () => {
  const { out } = await runScript('ops', ['status'], { ...scene.as('operator'), NO_COLOR: '' })
  expect(out).toMatch(/ZONE .* ADDRESS /)
  expect(out).not.toContain('\x1b')
  expect(await shown(80, ['ops', 'status'])).toContain('\x1b[32mhealthy')
  expect(await shown(80, ['ops', 'status'], { NO_COLOR: '1' })).not.toContain('\x1b')
})
