import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { throttled } from '../../lab/aws-double/faults.ts'
import type { Alarm } from '../../lab/aws-double/model.ts'
import { ended, type Ran } from '../../lab/support/command.ts'
import {
  ALARM,
  GROUP,
  NEW,
  NEW_IMAGE,
  QUICK,
  type Scene,
  startScene,
  TEMPLATE,
  templateVersion,
  toNew,
  until,
} from './fixtures/scene.ts'
import { PATIENCE_MS, runScript, spawnScript } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

let scene: Scene
let quick: Record<string, string>
beforeAll(async () => {
  scene = await startScene()
  const folder = await mkdtemp(join(tmpdir(), 'refusals-test-'))
  quick = { ...scene.env, ...QUICK, HELLO_ROLLOUT_EVIDENCE: folder }
})
afterAll(async () => {
  await scene.stop()
  await rm(quick.HELLO_ROLLOUT_EVIDENCE as string, { recursive: true, force: true })
})

const rollout = async (args: string[], extra: Record<string, string> = {}): Promise<Ran> =>
  await runScript('rollout', args, { ...quick, ...extra })

/** The refusal's text; checks that nothing was started and no stack trace is shown. */
async function refusal(args: string[], code = 1): Promise<string> {
  const ran = await rollout(args)
  expect(ran.code).toBe(code)
  expect(ran.err).not.toMatch(/^\s+at /m)
  expect(scene.plane.refreshes).toHaveLength(0)
  return ran.err
}

/** `toNew` with a different value for one option. */
const but = (option: string, value: string): string[] => {
  const args = toNew(scene)
  args[args.indexOf(option) + 1] = value
  return args
}

describe('usage', () => {
  test('--help names every option and exit code, and exits with 0', async () => {
    const { code, out } = await rollout(['--help'])
    expect(code).toBe(0)
    expect(out).toContain('exit codes: 0 shipped')
    expect(out).toContain('HELLO_ROLLOUT_WATCH_SECONDS')
  })

  test.each([
    [[], 'say what to do'],
    [['begin'], "there is no verb 'begin'"],
    [['watch', 'now'], "'now' is one argument too many"],
    [['watch', '--fast'], "Unknown option '--fast'"],
    [['start'], 'start needs --launch-template-id, --launch-template-version, --release, --url'],
    [['watch', '--rate', 'fast'], "--rate needs a number from 0.1 to 1000, got 'fast'"],
    [['watch', '--url', 'here'], "--url needs an http or https URL, got 'here'"],
    [
      ['watch', '--checkpoints', '50,20,100'],
      'increasing whole percentages that end with 100, or none',
    ],
    [['watch', '--checkpoints', '50'], 'increasing whole percentages that end with 100, or none'],
    [
      ['watch', '--launch-template-version', '$Latest'],
      'a number (AWS cannot roll back from $Latest or $Default)',
    ],
    [['watch', '--release', 'main'], '--release needs a full commit id'],
  ])('%j exits with 2 and one line that says why', async (args, message) => {
    const err = await refusal(args, 2)
    expect(err).toContain(message)
    expect(err).toEndWith(' (scripts/rollout --help)\n')
  })
})

describe('rollout start refuses', () => {
  test('a launch template version that does not exist', async () => {
    expect(await refusal(but('--launch-template-version', '9'))).toContain(
      `launch template ${TEMPLATE} has no version 9`,
    )
  })

  test('a launch template that is not the group’s', async () => {
    expect(await refusal(but('--launch-template-id', 'lt-0fffffffffffffff0'))).toContain(
      `the group uses launch template ${TEMPLATE}, not lt-0fffffffffffffff0`,
    )
  })

  test('an AMI that is gone', async () => {
    const image = scene.plane.images.get(NEW_IMAGE)
    scene.plane.images.delete(NEW_IMAGE)
    const text = await refusal(toNew(scene))
    if (image) scene.plane.images.set(NEW_IMAGE, image)
    expect(text).toContain(`the AMI ${NEW_IMAGE} of version 2 does not exist`)
  })

  test('an AMI that contains another release', async () => {
    expect(await refusal(but('--release', 'c'.repeat(40)))).toContain(
      `contains release ${NEW.slice(0, 12)}, not cccccccccccc`,
    )
  })

  test('an alarm in ALARM, and names the option that leaves it out', async () => {
    scene.plane.setAlarm(ALARM, 'ALARM', 'too many errors')
    const text = await refusal(toNew(scene))
    scene.plane.setAlarm(ALARM, 'OK')
    expect(text).toContain(`${ALARM} is in ALARM: too many errors`)
    expect(text).toContain('--ignore-alarms')
  })

  test('an alarm without data, which AWS would not accept', async () => {
    scene.plane.setAlarm(ALARM, 'INSUFFICIENT_DATA', 'no data yet')
    const text = await refusal(toNew(scene))
    scene.plane.setAlarm(ALARM, 'OK')
    expect(text).toContain(`${ALARM} is in INSUFFICIENT_DATA: no data yet`)
  })

  test('a composite alarm in ALARM, like any other', async () => {
    const name = `${GROUP}-composite`
    scene.plane.alarms.set(name, { name, state: 'ALARM', reason: 'two of three', composite: true })
    const text = await refusal([...toNew(scene), '--alarm', name])
    scene.plane.alarms.delete(name)
    expect(text).toContain(`${name} is in ALARM: two of three`)
  })

  const UNHEALTHY = {
    namespace: 'AWS/ApplicationELB',
    name: 'UnHealthyHostCount',
    dimensions: {},
  }
  test.each([
    ['looks at three minutes', { evaluationPeriods: 3 }, 240],
    ['looks for three of five minutes', { evaluationPeriods: 5, datapointsToAlarm: 3 }, 240],
    ['counts instances, from their warm-up on', { evaluationPeriods: 3, metric: UNHEALTHY }, 180],
  ])('checkpoints that end before an alarm can trigger that %s', async (_, periods, seconds) => {
    const alarm = scene.plane.alarms.get(ALARM) as Alarm
    const { warmupSeconds } = scene.plane.group
    scene.plane.alarms.set(ALARM, { ...alarm, period: 60, ...periods })
    scene.plane.group.warmupSeconds = 60
    const text = await refusal(toNew(scene))
    scene.plane.alarms.set(ALARM, alarm)
    scene.plane.group.warmupSeconds = warmupSeconds
    expect(text).toContain(`a checkpoint of 120 s ends before ${ALARM} can trigger`)
    expect(text).toContain(`--checkpoint-delay-seconds to ${seconds} `)
  })

  test('a probe too slow for the answers that a checkpoint requires', async () => {
    expect(await refusal([...toNew(scene), '--rate', '0.1'])).toContain(
      'a checkpoint requires 20 answers from the new release, but the probe would get only about 3',
    )
  })

  test('pauses that take longer than it may be followed', async () => {
    expect(await refusal([...toNew(scene), '--watch-seconds', '10000'])).toContain(
      'the checkpoints and the time of watching alone take 102',
    )
  })

  test('an alarm that does not exist', async () => {
    expect(await refusal(but('--alarm', 'nothing'))).toContain("there is no alarm 'nothing'")
  })

  test('a group whose processes are suspended', async () => {
    scene.plane.group.suspended.add('HealthCheck')
    const text = await refusal(toNew(scene))
    scene.plane.group.suspended.clear()
    expect(text).toContain('processes of the group are suspended (HealthCheck)')
    expect(text).toContain('resume-processes')
  })

  test('several problems, and names all of them', async () => {
    const args = [...but('--launch-template-version', '9'), '--alarm', 'nothing']
    const text = await refusal(args)
    expect(text).toContain('has no version 9')
    expect(text).toContain("no alarm 'nothing'")
  })

  test('a service that fails before anything is started', async () => {
    scene.fleet.outage = 503
    const text = await refusal(toNew(scene))
    scene.fleet.outage = undefined
    expect(text).toContain('requests failed before anything was started')
    expect(text).toContain('503')
  })

  test('a token that the service refuses', async () => {
    scene.fleet.tokens.add('right')
    const text = await refusal([...toNew(scene), '--token', 'wrong'])
    scene.fleet.tokens.clear()
    expect(text).toContain("the service refuses the probe's token (--token or ")
  })
})

describe('with a running refresh', () => {
  afterEach(async () => {
    if (scene.plane.running) scene.plane.cancelRefresh()
    await until(() => !scene.plane.running, 'the refresh is cancelled')
    scene.plane.refreshes.length = 0
  })

  test('start refuses a second one; cancel without one is refused by AWS', async () => {
    const none = await rollout(['cancel'])
    expect(none.code).toBe(1)
    expect(none.err).toContain('No in progress or pending Instance Refresh')
    const first = spawnScript('rollout', [...toNew(scene), '--watch-seconds', '2000'], {
      ...quick,
    })
    await until(() => scene.plane.refreshes[0]?.status === 'InProgress', 'the refresh runs')
    const second = await rollout(toNew(scene))
    expect(second.code).toBe(1)
    expect(second.err).toMatch(
      /a refresh is already running \((InProgress|Baking), \d+ %\) by alice at 20/,
    )
    expect(second.err).toContain(`scripts/rollout watch --group ${GROUP}`)
    expect((await rollout(['cancel'])).code).toBe(0)
    expect((await ended(first)).code).toBe(4)
  })

  test('throttling and network failures are waited out', async () => {
    scene.plane.group.version = 1
    scene.plane.group.tags = {}
    const once = { AWS_MAX_ATTEMPTS: '1' }
    const child = spawnScript('rollout', [...toNew(scene), '--watch-seconds', '100'], {
      ...quick,
      ...once,
    })
    await until(() => scene.plane.running !== undefined, 'the refresh runs')
    scene.double.faults.add(/Describe/, throttled, 3)
    scene.double.faults.add(/Describe/, { kind: 'drop' }, 3)
    const ran = await ended(child)
    scene.double.faults.clear()
    expect(ran.out).toContain('AWS is throttling')
    expect(ran.out).toContain('AWS cannot be reached')
    expect(ran.out).toContain('trying again in')
    expect(ran.code).toBe(0)
  })

  test('a refresh whose start got no answer is found, not started twice', async () => {
    scene.plane.group.version = 1
    scene.double.faults.add(/StartInstanceRefresh/, { kind: 'lose' }, 1)
    const version = scene.plane.addVersion(templateVersion(NEW, NEW_IMAGE))
    const { code, out } = await rollout(but('--launch-template-version', String(version)))
    scene.double.faults.clear()
    expect(out).toContain('verdict     shipped')
    expect(code).toBe(0)
    expect(scene.plane.refreshes).toHaveLength(1)
  })

  test('a lasting network failure exits with 6, and says that the refresh continues', async () => {
    const version = scene.plane.addVersion(templateVersion(NEW, NEW_IMAGE))
    const args = [...but('--launch-template-version', String(version)), '--patience-seconds', '0.5']
    const child = spawnScript('rollout', [...args, '--watch-seconds', '2000'], {
      ...quick,
      AWS_MAX_ATTEMPTS: '1',
    })
    await until(() => scene.plane.running !== undefined, 'the refresh runs')
    scene.double.faults.add(/./, { kind: 'drop' })
    const ran = await ended(child)
    scene.double.faults.clear()
    expect(ran.code).toBe(6)
    expect(ran.out).toContain('lost sight: AWS cannot be reached')
    expect(ran.out).toContain('The refresh continues')
    expect(ran.out + ran.err).not.toMatch(/^\s+at /m)
  })
})
