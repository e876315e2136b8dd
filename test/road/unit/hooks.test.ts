import { describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type HookOptions, Hooks, readHooks, runHook } from '../../../scripts/lib/rollout/hooks.ts'
import { eventually, temporaryFolder } from '../../lab/support/process.ts'
import { stubCommand } from '../../lab/support/stub.ts'

const never = new AbortController().signal

async function run(script: string, options: Partial<HookOptions> = {}) {
  using folder = temporaryFolder()
  stubCommand(folder.path, 'before', `#!/bin/sh\n${script}\n`)
  const shown: string[] = []
  const show = (line: string) => void shown.push(line)
  const defaults = { environment: {}, limitSeconds: 30, signal: never, show }
  return { ran: await runHook(folder.path, 'before', { ...defaults, ...options }), shown }
}

/** What was killed and not yet waited for by its parent is dead. */
const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

describe('a hook', () => {
  test('gets its facts in the environment, and what it prints is shown and kept', async () => {
    const { ran, shown } = await run('echo "of $HELLO_HOOK_RELEASE"; printf bad >&2', {
      environment: { HELLO_HOOK_RELEASE: 'abc' },
    })
    expect(ran).toMatchObject({ stage: 'before', problem: undefined })
    expect(shown.toSorted()).toEqual(['before: bad', 'before: of abc'])
    expect(ran.output).toContain('of abc\n')
  })

  test.each([
    ['exit 3', 'ended with 3'],
    ['kill -TERM $$', 'ended with SIGTERM'],
  ])('that says %p has failed', async (script, problem) => {
    expect((await run(script)).ran.problem).toBe(problem)
  })

  test('cannot move the cursor with what it prints', async () => {
    const { shown } = await run("printf 'a\\033[2Jb\\n'")
    expect(shown).toEqual(['before: a [2Jb'])
  })

  test('that hangs is killed with its children, though they hold its output open', async () => {
    const { ran, shown } = await run('sleep 1000 & echo $!; wait', { limitSeconds: 0.5 })
    expect(ran.problem).toBe('was killed after 0.5 s')
    const child = Number(shown[0]?.split(' ')[1])
    expect(child).toBeGreaterThan(1)
    await eventually('its child is gone', () => !isAlive(child))
  })

  test('leaves none of its children behind when it ends', async () => {
    const { ran, shown } = await run('sleep 1000 & echo $!')
    expect(ran.problem).toBeUndefined()
    const child = Number(shown[0]?.split(' ')[1])
    await eventually('its child is gone', () => !isAlive(child))
  })

  test('does not wait for what has left its process group', async () => {
    const { ran, shown } = await run('setsid sleep 1000 & sleep 0.2; echo $!')
    process.kill(Number(shown[0]?.split(' ')[1]))
    expect(ran.problem).toBeUndefined()
    expect(ran.seconds).toBeLessThan(20)
  })

  test('that is interrupted is killed', async () => {
    const interruption = new AbortController()
    const ended = run('echo here; sleep 1000', {
      signal: interruption.signal,
      show: () => interruption.abort(),
    })
    expect((await ended).ran.problem).toBe('was stopped')
  })

  test('that cannot be run has failed', async () => {
    using folder = temporaryFolder()
    stubCommand(folder.path, 'before', '#!/nowhere\n')
    const options = { environment: {}, limitSeconds: 1, signal: never, show() {} }
    expect((await runHook(folder.path, 'before', options)).problem).toStartWith('cannot be run: ')
  })
})

describe('a folder of hooks', () => {
  test('names its stages; what is not executable and is no stage may lie beside', () => {
    using folder = temporaryFolder()
    stubCommand(folder.path, 'before', '#!/bin/sh\n')
    stubCommand(folder.path, 'back', '#!/bin/sh\n')
    writeFileSync(join(folder.path, 'README.md'), '')
    mkdirSync(join(folder.path, 'lib'))
    const { stages } = readHooks(folder.path)
    expect(stages.toSorted()).toEqual(['back', 'before'])
  })

  test.each([
    [
      'one for no stage',
      'shiped',
      0o755,
      /shiped is the hook of no stage, which are before, first/,
    ],
    ['one that is not executable', 'before', 0o644, /before is not executable: chmod \+x it/],
    ['none', 'README.md', 0o644, /has no hook: before, /],
  ])('is refused with %s', (_, name, mode, message) => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, name), '#!/bin/sh\n')
    chmodSync(join(folder.path, name), mode)
    expect(() => readHooks(folder.path)).toThrow(message)
  })

  test('is refused where there is none', () => {
    expect(() => readHooks('/nowhere')).toThrow('/nowhere does not exist')
  })
})

describe('the hooks of a rollout', () => {
  const facts = { group: 'g', url: undefined, release: 'r', previousRelease: 'p', ami: 'ami' }

  test('run once each, one after the other, and say what they are of', async () => {
    const calls: [string, Record<string, string>][] = []
    let running = 0
    const hooks = new Hooks(
      ['before', 'shipped', 'back'],
      facts,
      async (stage, environment) => {
        expect(++running).toBe(1)
        calls.push([stage, environment])
        await Bun.sleep(1)
        running--
        return { stage, problem: undefined, seconds: 0, output: '' }
      },
      never,
    )
    await Promise.all([hooks.run('before'), hooks.run('before'), hooks.run('shipped')])
    await hooks.run('first-instance')
    await hooks.run('back', { verdict: 'rolled back', reason: 'bad' })
    expect(calls.map(([stage]) => stage)).toEqual(['before', 'shipped', 'back'])
    expect(calls[2]?.[1]).toEqual({
      HELLO_HOOK_STAGE: 'back',
      HELLO_HOOK_GROUP: 'g',
      HELLO_HOOK_URL: '',
      HELLO_HOOK_RELEASE: 'r',
      HELLO_HOOK_PREVIOUS_RELEASE: 'p',
      HELLO_HOOK_AMI: 'ami',
      HELLO_HOOK_VERDICT: 'rolled back',
      HELLO_HOOK_REASON: 'bad',
    })
  })

  test('blame the release when one fails, but not for `back`', async () => {
    const failing = new Hooks(
      ['first-instance', 'back'],
      facts,
      async (stage) => ({
        ...{ stage, problem: 'ended with 1', seconds: 0, output: '' },
      }),
      never,
    )
    await failing.run('back')
    expect(failing.blame).toBeUndefined()
    expect(await failing.run('first-instance')).toBe('the hook first-instance ended with 1')
  })
})
