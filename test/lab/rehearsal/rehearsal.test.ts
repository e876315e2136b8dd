import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { root } from '../../../scripts/lib/service.ts'
import { callersHere } from '../iam/roles.ts'
import { chromiumPath, launchChromium } from '../support/browser.ts'
import { ended, run } from '../support/command.ts'
import { sayWhatIsLeftOut } from '../support/left-out.ts'
import { temporaryFolder } from '../support/process.ts'
import { traces } from './fleet/leftovers.ts'
import { cannotRehearse } from './machine.ts'
import { RUN_FOLDER } from './names.ts'
import type { Result } from './report/result.ts'
import type { Summary } from './report/totals.ts'

sayWhatIsLeftOut('rehearsing', cannotRehearse)
const noBrowser = existsSync(chromiumPath) ? undefined : `${chromiumPath} is missing`
sayWhatIsLeftOut('the page of a rehearsal', noBrowser)
const { leftOut } = cannotRehearse ? {} : await callersHere('rehearsal')
sayWhatIsLeftOut('the permissions of roles in a rehearsal', leftOut)

/** A rehearsal ends by itself before that, whatever happens in it. */
const TIMEOUT_MS = 7_200_000

type Receipt = Omit<Result, 'seconds'> & Summary

/** Starts scripts/rehearse in a process group of its own, as a shell would. */
function start(words: string[]) {
  const child = Bun.spawn([join(root, 'scripts', 'rehearse'), ...words], {
    ...{ stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', detached: true },
  })
  started.add(child)
  return child
}

const started = new Set<Bun.Subprocess>()

/** As Ctrl-C in its terminal does: the signal goes to the whole group. */
async function interrupt(child: Bun.Subprocess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGINT')
  await child.exited
}

// None outlives its test.
afterEach(async () => {
  for (const child of started) await interrupt(child)
  started.clear()
})

const rehearse = (words: string[]) => ended(start(words))

/** Rehearses scenarios; returns the receipt of each, by name. */
async function play(words: string[]) {
  const { out, ...ran } = await rehearse([...words, '--json', '-'])
  console.log(ran.err)
  const receipts: Receipt[] = JSON.parse(out || '[]')
  return { ...ran, receipts: new Map(receipts.map((each) => [each.scenario, each])) }
}

const unmet = (receipt: Receipt | undefined) => receipt?.expectations.filter(({ met }) => !met)

describe('scripts/rehearse', () => {
  const script = join(root, 'scripts/rehearse')
  const isRoot = process.getuid?.() === 0
  const nobody = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : ['env']

  test.each([
    [['--scenario', 'nothing'], '--scenario needs some of deploy, '],
    [['--scenario', 'deploy,nothing'], "or all; got 'deploy,nothing'"],
    [['--instances', '1'], '--instances needs a whole number from 2'],
    [['--scenario', 'all', '--html', 'one.html'], '--html names one file'],
    [['--map', '--scenario', 'late'], '--map plays no scenario'],
    [['argument'], "takes no arguments, got 'argument'"],
  ])('refuses %p before it asks anything of the machine', async (words, why) => {
    const { code, err } = await run([...nobody, script, ...words])
    expect(err).toContain(why)
    expect(err).toEndWith(' (scripts/rehearse --help)\n')
    expect(code).toBe(2)
  })

  test.skipIf(cannotRehearse !== undefined)('needs root, and says so in one line', async () => {
    const { code, err } = await run([...nobody, script])
    expect(err).toBe(
      'rehearse: needs root on Linux, to boot containers in a network namespace (sudo scripts/rehearse)\n',
    )
    expect(code).toBe(1)
  })
})

describe.skipIf(cannotRehearse !== undefined)('a rehearsal', () => {
  const folder = temporaryFolder()
  const page = join(folder.path, 'page.html')
  afterAll(() => folder[Symbol.dispose]())

  test(
    'of a deploy fails no request and loses no acknowledged write',
    async () => {
      const { code, receipts } = await play([
        '--scenario',
        'deploy',
        '--pace',
        '20',
        '--html',
        page,
      ])
      const receipt = receipts.get('deploy')
      expect(unmet(receipt)).toEqual([])
      expect(code).toBe(0)
      expect(receipt).toMatchObject({
        rollouts: [{ script: 'deploy', verdict: 'shipped' }],
        ...{ failed: 0, readBack: { lost: [] } },
      })
      // The waits of a rollout, and the rate.
      expect(receipt?.requests).toBeGreaterThanOrEqual(40_000)
      expect(receipt?.readBack.acknowledged).toBeGreaterThanOrEqual(20_000)
      expect(Object.keys(receipt?.requestsByRelease ?? {}).toSorted()).toEqual(
        Object.values(receipt?.releases ?? {}).toSorted(),
      )
      expect(traces()).toEqual([])
    },
    TIMEOUT_MS,
  )

  test(
    'leaves a chain that holds without AWS, by the command of the README',
    async () => {
      const readme = await Bun.file(join(import.meta.dir, 'README.md')).text()
      const [, command = ''] = /^```sh\n(at=[^`]+)^```$/m.exec(readme) ?? []
      const { code, out, output } = await run(['bash', '-euc', command], { cwd: root })
      console.log(output)
      expect(out.trim().split('\n').at(-1)).toBe('the chain holds: 8 ok, 2 not asked')
      expect(code).toBe(0)
    },
    TIMEOUT_MS,
  )

  test.skipIf(noBrowser !== undefined).each(['light', 'dark'] as const)(
    'is drawn on a page that loads nothing, and that can be read, in %s mode',
    async (colorScheme) => {
      const browser = await launchChromium()
      try {
        const shown = await browser.newPage({ colorScheme, viewport: { width: 1000, height: 800 } })
        const complaints: string[] = []
        const requests: string[] = []
        shown.on('console', (message) => complaints.push(message.text()))
        shown.on('pageerror', (error) => complaints.push(error.message))
        shown.on('request', (request) => requests.push(request.url()))
        await shown.goto(`file://${page}`)
        expect(await shown.locator('h1').textContent()).toBe('Rehearsal of deploy: all as expected')
        expect(await shown.locator('#expectations .unmet').count()).toBe(0)
        // Each instance of both releases, with the time in which it got requests.
        expect(await shown.locator('#lives rect.serves').count()).toBe(6)
        expect(await shown.locator('[role=img][aria-label]').count()).toBe(3)
        expect(await inkOf(shown)).toBeGreaterThan(1000)
        expect(await faintIn(shown)).toEqual([])
        expect(complaints).toEqual([])
        expect(requests).toEqual([`file://${page}`])
      } finally {
        await browser.close()
      }
    },
    60_000,
  )

  describe('side by side with others, under a light load,', () => {
    const names = [
      ...['follower-killed', 'store-failover', 'store-outage', 'bad-release', 'broken-release'],
      ...['other-users', 'rotation', 'mixed', 'wrong-drain'],
    ]
    let ran: Awaited<ReturnType<typeof play>>
    beforeAll(async () => {
      const load = ['--instances', '2', '--rate', '60', '--clients', '2', '--at-once', '3']
      ran = await play(['--scenario', names.join(), ...load])
      for (const child of started) await interrupt(child)
    }, TIMEOUT_MS)

    test.each(names.filter((name) => name !== 'wrong-drain'))('%s: all is as expected', (name) => {
      expect(unmet(ran.receipts.get(name))).toEqual([])
    })

    test.each(['bad-release', 'rotation', 'mixed'])('%s: no request fails', (name) => {
      expect(ran.receipts.get(name)?.failed).toBe(0)
    })

    test('a store that is gone is all that fails in store-outage, and it does', () => {
      expect(Object.keys(ran.receipts.get('store-outage')?.failures ?? {})).toEqual(['store 503'])
    })

    test('an instance that does not drain drops requests, and only that makes the run fail', () => {
      const receipt = ran.receipts.get('wrong-drain')
      expect(unmet(receipt)?.map(({ what }) => what)).toEqual(['no request fails unexpectedly'])
      expect(Object.keys(receipt?.failures ?? {})).toEqual(['elb 502'])
      expect(ran.code).toBe(4)
    })
  })

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
      await interrupt(interrupted)
      expect(interrupted.exitCode).toBe(130)
      expect(traces()).toEqual([])
    },
    TIMEOUT_MS,
  )
})

/** The number of non-empty pixels in both plots. */
function inkOf(page: Page): Promise<number> {
  return page.evaluate(`[...document.querySelectorAll('.uplot canvas')].reduce((sum, canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    return sum + data.filter((value, index) => index % 4 === 3 && value > 0).length
  }, 0)`)
}

/** The colours of texts and lines that stand out from the page less than WCAG wants: 4.5 for text, 3 for the rest. */
function faintIn(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const style = getComputedStyle(document.documentElement)
    const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
    const luminance = (name) => {
      paint.fillStyle = style.getPropertyValue(name).trim()
      paint.fillRect(0, 0, 1, 1)
      const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map((value) =>
        value / 255 <= 0.03928 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4)
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const contrast = (name) => {
      const [low, high] = [luminance(name), luminance('--surface')].sort((a, b) => a - b)
      return (high + 0.05) / (low + 0.05)
    }
    const texts = ['--text', '--quiet', '--good', '--bad']
    const lines = ['--mark', '--p50', '--p99', '--release-0', '--release-1']
    return [...texts.map((name) => [name, 4.5]), ...lines.map((name) => [name, 3])]
      .filter(([name, least]) => contrast(name) < least)
      .map(([name]) => name + ' ' + contrast(name).toFixed(2))
  })()`)
}

/** Reads its standard error until `text` appears. */
async function untilSaid(child: ReturnType<typeof start>, text: string): Promise<string> {
  let said = ''
  for await (const chunk of child.stderr) {
    said += new TextDecoder().decode(chunk)
    if (said.includes(text)) return said
  }
  throw new Error(`it exited without printing '${text}': ${said}`)
}
