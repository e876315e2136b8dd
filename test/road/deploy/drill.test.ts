import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { copyFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { canary } from '../../../scripts/lib/domain/canary.ts'
import { root } from '../../../scripts/lib/service.ts'
import { accountOf, type Store } from '../../lab/aws-double/account.ts'
import type { CommandResult } from '../../lab/aws-double/driver.ts'
import { run, succeed } from '../../lab/support/command.ts'
import {
  executable,
  healthy,
  type RunningService,
  runExecutable,
  save,
  startService,
} from '../../lab/support/executable.ts'
import { missing, putLoad } from '../../lab/support/load.ts'
import { end, eventually, temporaryFolder } from '../../lab/support/process.ts'
import { type RedisServer, startRedis } from '../../lab/support/redis.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import { GROUP, OLD_IMAGE, type Scene, startScene } from './fixtures/scene.ts'
import { runScript } from './fixtures/script.ts'

setDefaultTimeout(120_000)

let scene: Scene
let redis: RedisServer
let copy: RedisServer | undefined
let running: RunningService
const folder = temporaryFolder()

const store = () => accountOf(scene.plane).store as Store

/** Runs the document as an instance does, whose service runs by `app.env`. */
async function compare(
  _id: string,
  { Endpoint: [endpoint = ''] = [] }: Record<string, string[]>,
): Promise<CommandResult> {
  const { mainSteps } = Bun.YAML.parse(
    await Bun.file(join(root, 'terraform/documents/compare.yaml')).text(),
  ) as { mainSteps: { inputs: { runCommand: string[] } }[] }
  const script = `${mainSteps[0]?.inputs.runCommand.join('\n')}`
    .replaceAll('{{ Endpoint }}', endpoint)
    .replace('/usr/local/bin/app', executable)
  const PATH = `${folder.path}:${process.env.PATH}`
  const { code, out, err } = await run(['sh', '-c', script], { env: { PATH } })
  return { exitCode: code, stdout: out, stderr: err }
}

beforeAll(async () => {
  redis = await startRedis()
  stubCommand(folder.path, 'logger', '#!/bin/sh\n')
  stubCommand(
    folder.path,
    'systemd-run',
    `#!/bin/bash
while [[ $1 == -* ]]; do [[ $1 == -p ]] && shift; shift; done
exec env -i PATH="$PATH" REDIS_ENDPOINT=${redis.endpoint} "$@"
`,
  )
  scene = await startScene({ behaviours: { [OLD_IMAGE]: { commands: { compare } } }, instances: 2 })
  store().dump = async (snapshot) => {
    await succeed(['redis-cli', '-p', String(redis.port), '--rdb', join(folder.path, snapshot)])
  }
  store().load = async (snapshot) => {
    copy = await startRedis()
    await end(copy.child)
    copyFileSync(join(folder.path, snapshot), join(copy.folder, 'dump.rdb'))
    await copy.restart()
    return copy.endpoint
  }
  running = await startService({ REDIS_ENDPOINT: redis.endpoint })
  await healthy(running)
})
afterAll(async () => {
  await running?.[Symbol.asyncDispose]()
  await scene?.stop()
  await copy?.[Symbol.asyncDispose]()
  await redis?.[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const ops = async (...words: string[]) =>
  await runScript(
    'ops',
    [...words, '--reason', 'test', '--poll-seconds', '0.02', '--timeout-seconds', '5'],
    // Anything but the policy of the environment's own engine is an administrator's.
    store().engine === 'memorydb'
      ? scene.as('backup')
      : { ...scene.env, AWS_ACCESS_KEY_ID: 'AKIAADMINISTRATOR' },
  )

test.each(['memorydb', 'elasticache'] as const)(
  'a drill under load restores a snapshot beside the store (%s), compares every record, and leaves no copy',
  async (engine) => {
    store().engine = engine
    const load = putLoad(running.url, { writers: 2, from: engine === 'memorydb' ? 0 : 100_000 })
    await eventually('there is something to compare', () => load.outcomes.length > 500)
    const { code, out, err } = await ops('drill', '--json')
    await load.stop()
    expect({ code, err }).toMatchObject({ code: 0 })
    const found = JSON.parse(out)
    expect(found.copy).toBeGreaterThan(500)
    // Nothing was replaced or forgotten meanwhile.
    expect(found.same).toBe(found.copy)
    expect(found.store).toBeGreaterThanOrEqual(found.copy)
    expect(found.checksum.copy).toMatch(/^[0-9a-f]{64}$/)
    const exported = await runExecutable(['export'], {
      env: { REDIS_ENDPOINT: copy?.endpoint ?? '' },
    })
    expect(exported.err).toContain(`${found.copy} records`)
    expect(exported.err).toContain(found.checksum.copy)
    expect([...store().copies.keys()]).toEqual([])
    expect(load.outcomes.filter(({ status }) => status !== 204)).toEqual([])
  },
)

test('a drill tells what has changed since the snapshot', async () => {
  store().engine = 'memorydb'
  const write = (index: number, turn: number) =>
    save(running.url, {}, canary.write(canary.keyOf('Drilled', index), canary.value(turn)))
  await write(1, 1)
  const { out } = await ops('backup')
  await write(1, 2)
  await write(2, 1)
  const drilled = await ops('drill', '--snapshot', out.trim())
  expect(drilled.code).toBe(0)
  expect(drilled.out).toContain(`${out.trim()} can be restored`)
  expect(drilled.out).toContain(' 1 of the copy were changed or forgotten since, 2 are newer')
})

test('the store is destroyed, and what was acknowledged before the backup comes back from the copy', async () => {
  store().engine = 'memorydb'
  const load = putLoad(running.url, { writers: 2, from: 200_000 })
  await eventually('there is something to lose', () => load.outcomes.length > 500)
  const before = [...load.outcomes]
  const { out } = await ops('backup')
  const goesOn = load.outcomes.length + 200
  await eventually('writes go on', () => load.outcomes.length > goesOn)
  await end(redis.child)
  await load.stop()
  for (const file of readdirSync(redis.folder))
    if (/\.rdb$|^appendonly/.test(file)) rmSync(join(redis.folder, file), { recursive: true })
  await redis.restart()
  expect((await missing(running.url, before)).length).toBe(before.length)

  expect(await ops('drill', '--snapshot', out.trim(), '--keep')).toMatchObject({ code: 0 })
  const again = await ops('drill', '--snapshot', out.trim())
  expect(again.code).toBe(1)
  expect(again.err).toContain(`there is a ${GROUP}-copy already`)
  const records = await runExecutable(['export'], { env: { REDIS_ENDPOINT: copy?.endpoint ?? '' } })
  const env = { REDIS_ENDPOINT: redis.endpoint }
  const imported = await runExecutable(['import'], { env, stdin: new Blob([records.out]) })
  expect(imported.code).toBe(0)
  expect(await missing(running.url, before)).toEqual([])
  expect(await ops('drop-copy')).toMatchObject({ code: 0 })
  expect([...store().copies.keys()]).toEqual([])
})

test('a drill whose comparison fails says so and leaves no copy', async () => {
  scene.behave(OLD_IMAGE, {
    commands: { compare: { exitCode: 1, stdout: '', stderr: 'cannot read the copy' } },
  })
  const { code, err } = await ops('drill')
  scene.behave(OLD_IMAGE, { commands: { compare } })
  expect(code).toBe(4)
  expect(err).toContain('could not compare them: Failed\ncannot read the copy')
  expect([...store().copies.keys()]).toEqual([])
})

test('an operator without the policy for backups takes no snapshot', async () => {
  const { code, err } = await runScript('ops', ['backup', '--reason', 'test'], scene.as('operator'))
  expect(code).toBe(1)
  expect(err).toContain('is not authorized to perform: memorydb:DescribeClusters')
})
