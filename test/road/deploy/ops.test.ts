import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { age } from '../../../scripts/lib/cli/format.ts'
import { unseen } from '../../../scripts/lib/ops/logs.ts'
import type { Instance } from '../../lab/aws-double/model.ts'
import { commands } from '../../lab/aws-double/wire/json.ts'
import { ended, type Ran } from '../../lab/support/command.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import { OLD, OLD_IMAGE, type Scene, startScene, until } from './fixtures/scene.ts'
import { environment, PATIENCE_MS, runScript, spawnScript } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

let scene: Scene
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ops-test-'))
  scene = await startScene({
    role: 'operator',
    behaviours: {
      [OLD_IMAGE]: {
        restartMs: 300,
        commands: {
          status: { exitCode: 0, stdout: `release=${OLD}\nhealth=200\n`, stderr: '' },
          traffic: {
            exitCode: 0,
            stdout:
              '{"9464":{"started":1,"requests":1000,"serverErrors":3,"buckets":{"0.01":900,"0.02":1000}},"9465":{"started":1,"requests":200,"serverErrors":0,"buckets":{"0.01":180,"0.02":200}}}',
            stderr: '',
          },
          logs: { exitCode: 0, stdout: 'one\ntwo\n', stderr: '' },
        },
      },
    },
  })
})
afterAll(async () => {
  await scene.stop()
  await rm(folder, { recursive: true, force: true })
})

const ops = async (...args: string[]): Promise<Ran> =>
  await runScript('ops', [...args, '--poll-seconds', '0.05'], scene.env)

const inService = (): string[] =>
  scene.plane.instances.filter(({ lifecycle }) => lifecycle === 'InService').map(({ id }) => id)

const first = (): string => inService()[0] as string

test('ops --help says how long it is known who did what', async () => {
  const { out } = await ops('--help')
  expect(out).toContain('SSM keeps who did what, and why, for 30 days')
})

describe('ops status', () => {
  test('shows release, age, zone, health and traffic of each instance', async () => {
    const { out, code } = await ops('status')
    expect(code).toBe(0)
    for (const id of inService()) {
      const line = out.split('\n').find((each) => each.startsWith(id)) ?? ''
      expect(line).toMatch(
        /eu-west-1[abc] +a{12} +\d+ s +healthy +200 +10\.0\.0\.\d +1200 +3 +6\/19$/,
      )
    }
  })

  test('prints JSON with --json', async () => {
    const reports = JSON.parse((await ops('status', '--json')).out)
    expect(reports).toHaveLength(3)
    expect(reports[0]).toMatchObject({ release: OLD, reportedRelease: OLD, reportedHealth: '200' })
  })

  test('still shows what AWS knows when the instances cannot be asked', async () => {
    scene.double.faults.add(/SendCommand/, {
      kind: 'error',
      code: 'InvalidInstanceId',
      message: 'not connected',
    })
    const { out, err, code } = await ops('status')
    scene.double.faults.clear()
    expect(code).toBe(0)
    expect(err).toContain('the instances could not be asked over SSM: not connected')
    expect(out).toContain(first())
  })
})

describe('with an instance unknown to SSM', () => {
  let stranger: Instance
  let address: string | undefined
  beforeAll(() => {
    stranger = scene.plane.instance(first())
    address = stranger.privateIp
    delete stranger.privateIp
  })
  afterAll(() => {
    if (address) stranger.privateIp = address
  })

  test('status reports the others, and complains about that one', async () => {
    const { out, err, code } = await ops('status')
    expect(code).toBe(0)
    expect(err).toContain(`${stranger.id} could not be asked over SSM: `)
    expect(out.match(/ healthy +200 /g)).toHaveLength(2)
    expect(out).toMatch(new RegExp(`${stranger.id} .* healthy +- `))
  })

  test('logs prints the journals of the others and exits with 4', async () => {
    const { out, err, code } = await ops('logs')
    expect(code).toBe(4)
    expect(err).toContain(`${stranger.id}: logs ended with status not asked`)
    for (const id of inService().slice(1)) expect(out).toContain(`${id} one\n`)
  })

  test('status does not ask one that is still booting', async () => {
    stranger.lifecycle = 'Pending'
    const { out, err } = await ops('status')
    stranger.lifecycle = 'InService'
    expect(err).toBe('')
    expect(out).toContain(stranger.id)
  })
})

describe('ops logs', () => {
  test('prints the journal of each instance with its id before each line', async () => {
    const { out, code } = await ops('logs', '--lines', '50')
    expect(code).toBe(0)
    for (const id of inService()) expect(out).toContain(`${id} one\n${id} two\n`)
  })

  test('prints one named instance without a prefix', async () => {
    expect((await ops('logs', first())).out).toBe('one\ntwo\n')
  })

  test('-f prints new lines as they come, each once, until Ctrl-C', async () => {
    const behaviour = { exitCode: 0, stderr: '' }
    const child = spawnScript('ops', ['logs', '-f', first(), '--poll-seconds', '0.02'], scene.env)
    const before = commands(scene.plane).length
    await until(() => commands(scene.plane).length >= before + 2, 'logs were fetched twice')
    scene.behave(OLD_IMAGE, { commands: { logs: { ...behaviour, stdout: 'two\nthree\n' } } })
    const now = commands(scene.plane).length
    await until(() => commands(scene.plane).length >= now + 3, 'logs were fetched three more times')
    child.kill('SIGINT')
    expect((await ended(child)).out).toBe('one\ntwo\nthree\n')
  })

  test.each([
    [['a', 'b'], ['b', 'c'], ['c']],
    [['a', 'b'], ['a', 'b'], []],
    [['a'], ['b', 'c'], ['b', 'c']],
    [[], ['a'], ['a']],
    [['x', 'x'], ['x', 'x', 'x'], ['x']],
  ])('after %j, the new lines of %j are %j', (before, now, fresh) => {
    expect(unseen(before, now)).toEqual(fresh)
  })
})

describe('ops restart', () => {
  test('restarts one at a time, waits for health, and keeps the group from replacing the instance', async () => {
    scene.behave(OLD_IMAGE, { restartMs: 300 })
    const down = () =>
      scene.plane.instances.filter(
        ({ lifecycle, target }) => lifecycle === 'InService' && target.state !== 'healthy',
      ).length
    await until(() => down() === 0, 'all are healthy')
    const ids = inService()
    let mostDown = 0
    const timer = setInterval(() => {
      mostDown = Math.max(mostDown, down())
    }, 5)
    const { code, err } = await ops('restart', '--reason', 'memory leak', '--unspaced')
    clearInterval(timer)
    expect(code).toBe(0)
    expect(err).toContain(`${ids[0]}: restarting (1 of 3)`)
    expect(mostDown).toBe(1)
    expect(inService()).toEqual(ids)
    expect(scene.plane.group.suspended.size).toBe(0)
    const comments = commands(scene.plane)
      .filter(({ DocumentName }) => DocumentName.endsWith('-restart'))
      .map(({ Comment }) => Comment)
    expect(comments).toEqual(Array(3).fill('restart by alice: memory leak'))
  })

  test('stops at the first instance that fails, and resumes the health checks of the group', async () => {
    scene.behave(OLD_IMAGE, {
      commands: { restart: { exitCode: 1, stdout: '', stderr: 'not healthy' } },
    })
    const before = commands(scene.plane).length
    const { code, err } = await ops('restart', '--reason', 'test', '--unspaced')
    scene.behave(OLD_IMAGE, {})
    expect(code).toBe(4)
    expect(err).toContain('the others were left alone')
    expect(err).toContain('not healthy')
    expect(commands(scene.plane).length).toBe(before + 1)
    expect(scene.plane.group.suspended.size).toBe(0)
  })

  test('refuses while a refresh runs', async () => {
    scene.plane.startRefresh(1, {
      minHealthyPercentage: 100,
      maxHealthyPercentage: 200,
      instanceWarmup: 0,
      checkpointPercentages: [],
      checkpointDelay: 0,
      bakeTime: 1000,
      skipMatching: true,
      autoRollback: false,
      alarms: [],
    })
    const { code, err } = await ops('restart', '--reason', 'test', '--unspaced')
    const replaced = await ops('replace', first(), '--reason', 'test')
    scene.plane.cancelRefresh()
    await until(() => !scene.plane.running, 'the refresh is cancelled')
    expect(code).toBe(1)
    expect(err).toContain('a refresh is running')
    expect(replaced).toMatchObject({ code: 1, err })
  })

  test('refuses when no other instance would serve', async () => {
    const small = await startScene({ role: 'operator', instances: 1 })
    const { code, err } = await runScript('ops', ['restart', '--reason', 'test'], small.env)
    await small.stop()
    expect(code).toBe(1)
    expect(err).toContain('no other healthy instance would serve meanwhile')
  })
})

describe('ops drain and undrain', () => {
  test('take an instance out while another replaces it, and put it back', async () => {
    const id = first()
    const drained = await ops('drain', id, '--reason', 'strange latency')
    expect(drained.code).toBe(0)
    expect(drained.out).toContain('is out of service and still runs')
    expect(scene.plane.instance(id).lifecycle).toBe('Standby')
    await until(() => inService().length === 3, 'another instance is in its place')
    expect(commands(scene.plane).at(-1)?.Comment).toBe('drain by alice: strange latency')
    const back = await ops('undrain', id, '--reason', 'understood')
    expect(back.code).toBe(0)
    expect(scene.plane.instance(id).lifecycle).toBe('InService')
    expect(scene.plane.group.desired).toBe(4)
    scene.plane.group.desired = 3
    await until(() => inService().length === 3, 'the group is as large as before')
  })
})

describe('ops replace', () => {
  const replace = async (...words: string[]) => await ops('replace', ...words, '--reason', 'slow')

  test('has another serve before the instance goes', async () => {
    const id = first()
    const { code, out, err } = await replace(id, '--json')
    expect(err).toContain(`${id}: ends once 3 others are healthy`)
    expect(code).toBe(0)
    const { replaced, by } = JSON.parse(out)
    expect(replaced).toBe(id)
    expect(by).toHaveLength(1)
    await until(() => scene.plane.instance(id).lifecycle === 'Terminated', 'it has ended')
    const { drainingAt = 0 } = scene.plane.instance(id)
    expect(drainingAt).toBeGreaterThanOrEqual(scene.plane.instance(by[0]).healthyAt ?? Infinity)
    expect(inService()).toHaveLength(3)
    expect(commands(scene.plane).at(-1)?.Comment).toBe('replace by alice: slow')
  })

  test('ends one that is drained once its replacement serves, and launches no other', async () => {
    const id = first()
    await ops('drain', id, '--reason', 'slow')
    await until(() => inService().length === 3, 'another instance is in its place')
    const launched = scene.plane.instances.length
    const { code, out } = await replace(id)
    expect(out).toBe(`${id} is replaced\n`)
    expect(code).toBe(0)
    await until(() => scene.plane.instance(id).lifecycle === 'Terminated', 'it has ended')
    expect(scene.plane.instances.length).toBe(launched)
  })

  test.each([
    [
      'while nothing would be launched',
      () => scene.plane.group.suspended.add('Launch'),
      'Launch of',
    ],
    ['where it would go first', () => (scene.plane.group.minHealthyPercentage = 50), 'keeps 50 %'],
  ])('refuses %s', async (_, spoil, why) => {
    spoil()
    const id = first()
    const sent = commands(scene.plane).length
    const { code, err } = await replace(id)
    scene.plane.group.suspended.clear()
    scene.plane.group.minHealthyPercentage = 100
    expect(err).toContain(why)
    expect(code).toBe(1)
    expect(commands(scene.plane).length).toBe(sent)
    expect(scene.plane.instance(id).health).toBe('Healthy')
  })
})

describe('ops bundle', () => {
  test('writes a file for each instance and prints its path', async () => {
    const { out, code, err } = await ops('bundle', '--out', folder, '--reason', 'post-mortem')
    expect(err).toBe('')
    expect(code).toBe(0)
    for (const id of inService()) {
      expect(out).toContain(join(folder, `${id}.txt`))
      expect(await Bun.file(join(folder, `${id}.txt`)).text()).toContain(`bundle of ${id}`)
    }
  })
})

describe('ops shell', () => {
  test('names what is missing when the AWS CLI is not installed', async () => {
    const { code, err } = await ops('shell', first(), '--reason', 'last resort')
    expect(code).toBe(1)
    expect(err).toMatch(/a shell needs (aws|session-manager-plugin), which is not on PATH/)
  })

  test('starts the session with the reason', async () => {
    const stub = '#!/bin/sh\necho "$(basename "$0") $*"\nexit 7\n'
    await mkdir(join(folder, 'bin'))
    for (const tool of ['aws', 'session-manager-plugin']) {
      stubCommand(join(folder, 'bin'), tool, stub)
    }
    const { PATH = '' } = environment()
    const { code, out } = await runScript(
      'ops',
      ['shell', first(), '--reason', 'last resort', '--region', 'eu-west-1'],
      { ...scene.env, PATH: `${join(folder, 'bin')}:${PATH}` },
    )
    expect(out).toBe(
      `aws ssm start-session --target ${first()} --reason last resort --region eu-west-1\n`,
    )
    expect(code).toBe(7)
  })
})

describe('with --json', () => {
  test('logs prints an object for each line, and bundle its files', async () => {
    scene.behave(OLD_IMAGE, {
      commands: { logs: { exitCode: 0, stdout: 'one\ntwo\n', stderr: '' } },
    })
    const { out } = await ops('logs', first(), '--json')
    expect(out).toBe(
      ['one', 'two'].map((line) => `${JSON.stringify({ instance: first(), line })}\n`).join(''),
    )
    const bundle = await ops('bundle', first(), '--json', '--out', folder)
    const file = join(folder, `${first()}.txt`)
    expect(JSON.parse(bundle.out)).toEqual([{ instance: first(), file, status: 'Success' }])
  })

  test('restart, drain and undrain say what they did', async () => {
    const id = first()
    const size = inService().length
    const words = [id, '--json', '--reason', 'x']
    expect(JSON.parse((await ops('restart', ...words, '--unspaced')).out)).toEqual({
      restarted: [id],
    })
    const drained = JSON.parse((await ops('drain', ...words)).out)
    expect(drained).toEqual({ instance: id, inService: false })
    await until(() => inService().length === size, 'another instance is in its place')
    const back = JSON.parse((await ops('undrain', ...words)).out)
    expect(back).toEqual({ instance: id, inService: true })
    scene.plane.group.desired = 3
    await until(() => inService().length === 3, 'the group is as large as before')
  })
})

describe('ops refuses', () => {
  test.each([
    [[], 'say what to do'],
    [['reboot'], "there is no verb 'reboot'"],
    [['restart'], 'restart needs --reason TEXT'],
    [['drain', '--reason', 'x'], 'drain needs one instance id'],
    [['logs', 'web-1'], "'web-1' is not an instance id"],
    [['logs', '--lines', 'all'], "--lines needs a whole number from 1 to 99999, got 'all'"],
  ])('%j with exit code 2 and one line that says why', async (args, message) => {
    const { code, err } = await ops(...args)
    expect(code).toBe(2)
    expect(err).toContain(message)
    expect(err).toEndWith(' (scripts/ops --help)\n')
  })

  test('an instance of another group', async () => {
    const { code, err } = await ops('logs', 'i-0123456789abcdef0')
    expect(code).toBe(1)
    expect(err).toContain(`i-0123456789abcdef0 is not an instance of ${name}-production`)
  })
})

test.each([
  [40, '40 s'],
  [150, '2 min'],
  [3 * 3600, '3 h'],
  [3 * 86_400, '3 d'],
])('%d seconds are shown as %s', (seconds, text) => {
  expect(age(new Date(seconds * 1000), new Date(0))).toBe(text)
})
