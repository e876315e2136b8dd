import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { root } from '../../../scripts/lib/service.ts'
import { SYSTEMD } from '../../../src/config/settings.ts'
import { DRAIN_SECONDS, REQUEST_TIMEOUT_SECONDS } from '../../../src/config/timeouts.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'

const systemd = join(root, 'systemd')
const unit = readFileSync(join(systemd, 'app@.service'), 'utf8')

/** What systemd sets for a worker, and what the unit reads itself. */
describe('the unit of a worker', () => {
  const directive = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1]

  test('lets a stopping worker drain and finish its longest request', () => {
    expect(Number(directive('TimeoutStopSec'))).toBeGreaterThan(
      DRAIN_SECONDS + REQUEST_TIMEOUT_SECONDS,
    )
    expect(directive('KillMode')).toBe('mixed')
  })

  test('restarts forever, and has a watchdog', () => {
    expect(directive('Restart')).toBe('always')
    expect(directive('StartLimitIntervalSec')).toBe('0')
    expect(directive('Type')).toBe('notify')
    expect(Number(directive('WatchdogSec'))).toBeGreaterThan(0)
  })

  test('reads its secrets again when it is reloaded', () => {
    expect(directive('ExecReload')).toBe('kill -HUP $MAINPID')
  })

  const cannotAnalyse = Bun.which('systemd-analyze') ? undefined : 'systemd-analyze not installed'
  sayWhatIsLeftOut('the security rating of the unit', cannotAnalyse)
  test.skipIf(cannotAnalyse !== undefined)(
    'is rated 1.5 or better by systemd-analyze security',
    async () => {
      const { stdout } =
        await $`systemd-analyze security --offline=true --threshold=15 ${systemd}/app@.service`
          .nothrow()
          .quiet()
      const rating = /Overall exposure level for .*: ([\d.]+)/.exec(stdout.toString())?.[1]
      console.log(`systemd-analyze security: ${rating}`)
      expect(Number(rating)).toBeLessThanOrEqual(1.5)
    },
  )
})

describe('worker-condition', () => {
  const ask = async (port: number, workers?: string, more: Record<string, string> = {}) => {
    const env = {
      PATH: process.env.PATH as string,
      FIRST_ADMIN_PORT: '9464',
      ...(workers !== undefined && { WORKERS: workers }),
      ...more,
    }
    const { exitCode, stderr } = await $`${systemd}/worker-condition ${port}`
      .env(env)
      .nothrow()
      .quiet()
    return { exitCode, stderr: stderr.toString() }
  }

  test('lets every worker start when WORKERS is not set', async () => {
    for (const port of [9464, 9465, 9499]) expect((await ask(port)).exitCode).toBe(0)
  })

  test('skips workers beyond WORKERS', async () => {
    expect((await ask(9464, '1')).exitCode).toBe(0)
    expect((await ask(9465, '1')).exitCode).toBe(1)
    expect((await ask(9473, '10')).exitCode).toBe(0)
    expect((await ask(9474, '10')).exitCode).toBe(1)
  })

  test.each(['', '0', '-1', '1.5', 'many', ' 2', '10000', '99999999999999999999'])(
    'fails when WORKERS is %p, and says what it expects',
    async (value) => {
      expect(await ask(9464, value)).toEqual({
        exitCode: 255,
        stderr: `WORKERS: got "${value}", expected a whole number from 1 to 9999 (at most one worker per core is started)\n`,
      })
    },
  )

  const SET: [string, string][] = [
    ['ADMIN_PORT', '9464'],
    ['STATE_DIRECTORY', '/var/lib/app'],
    ['RUNTIME_DIRECTORY', '/run/app/9464'],
    ['NOTIFY_SOCKET', '/run/systemd/notify'],
    ['WATCHDOG_USEC', `${Number(/^WatchdogSec=(.*)$/m.exec(unit)?.[1]) * 1e6}`],
  ]

  test.each(SET)('fails when the environment file changes %s', async (name, value) => {
    expect((await ask(9464, undefined, Object.fromEntries(SET))).exitCode).toBe(0)
    expect(await ask(9464, undefined, { ...Object.fromEntries(SET), [name]: '/else' })).toEqual({
      exitCode: 255,
      stderr: `${name}: got "/else", but systemd sets it to "${value}": remove it from /etc/app/app.env\n`,
    })
    expect(Object.keys(SYSTEMD)).toContain(name)
  })
})
