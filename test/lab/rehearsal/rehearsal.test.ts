import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import type { Page } from 'playwright-core'
import { root } from '../../../scripts/lib/service.ts'
import { callersHere } from '../iam/roles.ts'
import { chromiumPath, launchChromium } from '../support/browser.ts'
import { sayWhatIsLeftOut } from '../support/left-out.ts'
import { temporaryFolder } from '../support/process.ts'
import { RUN_FOLDER } from './names.ts'
import { cannotRehearse, play, rehearse, SCENARIO_TIMEOUT_MS, start, traces } from './rehearse.ts'

sayWhatIsLeftOut('rehearsing', cannotRehearse)
const noBrowser = existsSync(chromiumPath) ? undefined : `${chromiumPath} is missing`
sayWhatIsLeftOut('the page of a rehearsal', noBrowser)
const { leftOut } = cannotRehearse ? {} : await callersHere('rehearsal')
sayWhatIsLeftOut('the permissions of roles in a rehearsal', leftOut)

describe('scripts/rehearse', () => {
  test(
    'prints its help, and exits with 2 on a usage error',
    async () => {
      const help = await rehearse(['--help'])
      expect(help.code).toBe(0)
      expect(help.out).toContain('usage: sudo scripts/rehearse')
      if (cannotRehearse) return
      for (const words of [
        ['--scenario', 'nothing'],
        ['--instances', '1'],
        ['--rate', 'many'],
        ['--scenario', 'all', '--html', 'one.html'],
        ['--map', '--scenario', 'late'],
        ['--nonsense'],
        ['argument'],
      ]) {
        const { code, err } = await rehearse(words)
        expect(code).toBe(2)
        expect(err).toEndWith(' (scripts/rehearse --help)\n')
      }
      // The first call installs what is missing.
    },
    SCENARIO_TIMEOUT_MS,
  )

  test.skipIf(cannotRehearse !== undefined)('requires root, and says so in one line', async () => {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    const { exitCode, stderr } = await $`${nobody} bash ${join(root, 'scripts', 'rehearse')}`
      .nothrow()
      .quiet()
    expect(exitCode).toBe(1)
    expect(stderr.toString().trim().split('\n')).toHaveLength(1)
    expect(stderr.toString()).toContain('root')
  })
})

describe.skipIf(cannotRehearse !== undefined)('a rehearsal', () => {
  const folder = temporaryFolder()
  const page = join(folder.path, 'page.html')
  afterAll(() => folder[Symbol.dispose]())

  test(
    'of a rollout fails none of at least 60,000 requests and loses no acknowledged write',
    async () => {
      const { code, receipt } = await play('deploy', ['--pace', '20', '--html', page])
      expect(receipt.expectations.filter(({ met }) => !met)).toEqual([])
      expect(code).toBe(0)
      expect(receipt.rollouts.map(({ script, verdict }) => [script, verdict])).toEqual([
        ['deploy', 'shipped'],
      ])
      expect(receipt.requests).toBeGreaterThanOrEqual(60_000)
      expect(receipt.failed).toBe(0)
      expect(receipt.readBack.acknowledged).toBeGreaterThan(20_000)
      expect(receipt.readBack.lost).toEqual([])
      expect(Object.keys(receipt.requestsByRelease).toSorted()).toEqual(
        Object.values(receipt.releases).toSorted(),
      )
      for (const phase of Object.values(receipt.phases)) {
        expect(phase.requests).toBeGreaterThan(1000)
        expect(phase.p99).toBeGreaterThanOrEqual(phase.p50 ?? Infinity)
      }
      expect(traces()).toEqual([])
    },
    SCENARIO_TIMEOUT_MS,
  )

  test(
    'leaves a chain that holds without AWS, by the command of the README',
    async () => {
      const readme = await Bun.file(join(import.meta.dir, 'README.md')).text()
      const [, command = ''] = /^```sh\n(at=[^`]+)^```$/m.exec(readme) ?? []
      const { exitCode, stdout, stderr } = await $`bash -euc ${command}`.cwd(root).nothrow().quiet()
      console.log(`${stderr}${stdout}`)
      expect(stdout.toString().trim().split('\n').at(-1)).toBe('the chain holds: 7 ok, 2 not asked')
      expect(exitCode).toBe(0)
    },
    SCENARIO_TIMEOUT_MS,
  )

  test.skipIf(noBrowser !== undefined)(
    'is drawn on a page that loads nothing, in light and dark mode',
    async () => {
      const browser = await launchChromium()
      try {
        for (const colorScheme of ['light', 'dark'] as const) {
          const shown = await browser.newPage({
            colorScheme,
            viewport: { width: 1000, height: 800 },
          })
          const complaints: string[] = []
          const requests: string[] = []
          shown.on('console', (message) => complaints.push(message.text()))
          shown.on('pageerror', (error) => complaints.push(error.message))
          shown.on('request', (request) => requests.push(request.url()))
          await shown.goto(`file://${page}`)
          expect(await shown.locator('h1').textContent()).toBe(
            'Rehearsal of deploy: all as expected',
          )
          expect(await shown.locator('.uplot canvas').count()).toBe(2)
          // At least three instances of each release, each with the time it got requests.
          expect(await shown.locator('#lives rect').count()).toBeGreaterThanOrEqual(12)
          expect(await shown.locator('#expectations .unmet').count()).toBe(0)
          expect(await inkOf(shown)).toBeGreaterThan(1000)
          expect(complaints).toEqual([])
          expect(requests).toEqual([`file://${page}`])
          await shown.close()
        }
      } finally {
        await browser.close()
      }
    },
    60_000,
  )

  test(
    'of a release that never becomes healthy rolls back automatically, without a failed request',
    async () => {
      const { code, receipt } = await play('bad-release')
      expect(receipt.expectations.filter(({ met }) => !met)).toEqual([])
      expect(code).toBe(0)
      expect(receipt.failed).toBe(0)
      expect(Object.keys(receipt.requestsByRelease)).toEqual([receipt.releases.a as string])
    },
    SCENARIO_TIMEOUT_MS,
  )

  test.each([
    ['broken-release', 'that is healthy and finds nothing is rolled back by the probe'],
    ['follower-killed', 'that AWS rolled back unwatched is kept out by the next start'],
    ['rollback-twice', 'is rolled back once, by a rollback that is interrupted and repeated'],
  ])(
    '%s: a release %s, and nothing else fails',
    async (scenario) => {
      const { code, receipt } = await play(scenario)
      expect(receipt.expectations.filter(({ met }) => !met)).toEqual([])
      expect(code).toBe(0)
      expect(receipt.readBack.lost).toEqual([])
    },
    SCENARIO_TIMEOUT_MS,
  )

  test(
    'of a store outage returns 503 while it lasts, replaces no instance and continues',
    async () => {
      const { code, receipt } = await play('store-outage')
      expect(receipt.expectations.filter(({ met }) => !met)).toEqual([])
      expect(code).toBe(0)
      expect(receipt.failures['store 503']).toBeGreaterThan(1000)
      expect(Object.keys(receipt.failures)).toEqual(['store 503'])
    },
    SCENARIO_TIMEOUT_MS,
  )

  test(
    'of a dying instance has it replaced, continues, and loses no acknowledged write',
    async () => {
      const { code, receipt } = await play('crash')
      expect(receipt.expectations.filter(({ met }) => !met)).toEqual([])
      expect(code).toBe(0)
      expect(receipt.failed).toBeGreaterThan(0)
      expect(receipt.readBack.lost).toEqual([])
    },
    SCENARIO_TIMEOUT_MS,
  )

  // Two instances and short waits: the times of the group and of the service are real.
  test.each([
    ['late', 'a load balancer that hears of everything up to a minute late'],
    ['scale-out', 'a group that grows halfway'],
  ])(
    '%s: with %s no request fails, and the histories are linearizable',
    async (scenario) => {
      const { code, receipt } = await play(scenario, ['--instances', '2', '--pace', '20'])
      expect(receipt.expectations.filter(({ met }) => !met)).toEqual([])
      expect(code).toBe(0)
      expect(receipt.failed).toBe(0)
    },
    SCENARIO_TIMEOUT_MS,
  )

  test(
    'fails when the service does not drain before it stops',
    async () => {
      const { code, receipt } = await play('wrong-drain')
      expect(code).toBe(4)
      expect(receipt.unexpected).toBeGreaterThan(10)
    },
    SCENARIO_TIMEOUT_MS,
  )

  test(
    'fails when the service closes idle connections before the load balancer does',
    async () => {
      const { code, receipt } = await play('wrong-idle')
      expect(code).toBe(4)
      expect(receipt.failures['elb 502']).toBeGreaterThan(0)
    },
    SCENARIO_TIMEOUT_MS,
  )

  test(
    'that was killed is cleaned up by the next one, which leaves nothing behind after Ctrl-C',
    async () => {
      const killed = start(['--instances', '2', '--rate', '50'])
      await untilSaid(killed, 'load begins')
      process.kill(Number(await Bun.file(join(RUN_FOLDER, 'pid')).text()), 'SIGKILL')
      await killed.exited
      expect(traces()).not.toEqual([])

      const interrupted = start(['--instances', '2', '--rate', '50'])
      const said = await untilSaid(interrupted, 'load begins')
      expect(said).toContain('removed the leftovers of an earlier rehearsal')
      const second = await rehearse([])
      expect(second.code).toBe(1)
      expect(second.err).toContain('another rehearsal is running')
      // As a terminal does: the signal goes to the whole group.
      process.kill(
        -(await groupOf(Number(await Bun.file(join(RUN_FOLDER, 'pid')).text()))),
        'SIGINT',
      )
      await interrupted.exited
      expect(interrupted.exitCode).toBe(130)
      expect(traces()).toEqual([])
    },
    SCENARIO_TIMEOUT_MS,
  )
})

/** The number of non-empty pixels in both plots. */
function inkOf(page: Page): Promise<number> {
  return page.evaluate(`[...document.querySelectorAll('.uplot canvas')].reduce((sum, canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    return sum + data.filter((value, index) => index % 4 === 3 && value > 0).length
  }, 0)`)
}

/** Reads its standard error until `text` appears. */
async function untilSaid(child: ReturnType<typeof start>, text: string): Promise<string> {
  let said = ''
  const reader = child.stderr.getReader()
  const decoder = new TextDecoder()
  while (!said.includes(text)) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`it exited without printing '${text}': ${said}`)
    said += decoder.decode(value, { stream: true })
  }
  reader.releaseLock()
  return said
}

async function groupOf(pid: number): Promise<number> {
  const stat = await Bun.file(`/proc/${pid}/stat`).text()
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
}
