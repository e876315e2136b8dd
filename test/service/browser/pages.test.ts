import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import axe, { type AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { createToken } from '../../../src/config/tokens.ts'
import { launchChromium } from '../../lab/support/browser.ts'
import { healthy, type RunningService, startService } from '../../lab/support/executable.ts'

const PHONE = { width: 360, height: 740 }
const SCREENS = [1280, 390].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => [width, colorScheme] as const),
)

let service: RunningService
let browser: Browser
beforeAll(async () => {
  service = await startService()
  await healthy(service)
  browser = await launchChromium()
}, 60_000)
afterAll(async () => {
  await browser.close()
  await service[Symbol.asyncDispose]()
})

/** Opens a page; collects its errors, such as policy violations and missing files, and its requests to other hosts. */
async function open(path: string, options: Parameters<Browser['newPage']>[0] = {}) {
  const page = await browser.newPage(options)
  const complaints: string[] = []
  const foreign: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(service.url))
      foreign.push(request.url())
  })
  const response = await page.goto(service.url + path, { waitUntil: 'networkidle' })
  return { page, complaints, foreign, headers: response?.headers() ?? {} }
}

const answerOf = (page: Page) => page.locator('#answer')
const fitsItsWidth = (page: Page) =>
  page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth')

/** What axe-core has against a page as it is now. */
async function faultsOf(page: Page) {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

describe('the page', () => {
  test('stores a birthday and greets, using only the keyboard', async () => {
    const { page, complaints, foreign, headers } = await open('/')
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    await page.keyboard.press('Tab')
    await page.keyboard.type('Zoë')
    await page.keyboard.press('Tab')
    await page.keyboard.type('12101815')
    for (let count = 0; count < 3; count++) await page.keyboard.press('Tab')
    const focused = await page.evaluate('document.activeElement.textContent')
    if (focused !== 'Save and greet me') await page.locator('button', { hasText: 'Save' }).focus()
    await page.keyboard.press('Enter')
    await answerOf(page)
      .filter({ hasText: /^Hello, Zoë! / })
      .waitFor()
    const questions: string[] = []
    page.on('dialog', (dialog) => {
      questions.push(dialog.message())
      return questions.length > 1 ? dialog.accept() : dialog.dismiss()
    })
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await answerOf(page)
      .filter({ hasText: /^Hello, Zoë! / })
      .waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await answerOf(page).filter({ hasText: 'Zoë is forgotten.' }).waitFor()
    expect(questions).toEqual(
      Array(2).fill('Forget Zoë? The date of birth will be deleted.') as string[],
    )
    expect(complaints).toEqual([])
    expect(foreign).toEqual([])
    await page.close()
  }, 30_000)

  test.each([
    ['Greet me', '', '', 'Name', 'Please enter your name.'],
    ['Greet me', 'R2D2', '', 'Name', 'no spaces, digits or signs'],
    ['Greet me', 'Nobody', '', 'Name', 'This name is not known here.'],
    ['Save and greet me', 'Ada', '', 'Date of birth', 'Please enter your date of birth'],
    ['Save and greet me', 'Ada', '2999-01-01', 'Date of birth', 'Please enter a day before today.'],
  ])(
    '%s with "%s" and "%s": takes the focus to %s and says: %s',
    async (...how) => {
      const [button, name, date, label, words] = how
      const { page } = await open('/')
      await page.getByLabel('Name').fill(name)
      await page.getByLabel('Date of birth').fill(date)
      expect(
        await page.evaluate("getComputedStyle(document.querySelector('#answer')).display"),
      ).not.toBe('none')
      await page.getByRole('button', { name: button, exact: true }).click()
      await answerOf(page).filter({ hasText: words }).waitFor()
      const field = page.getByLabel(label)
      expect(await field.getAttribute('aria-invalid')).toBe('true')
      expect(await page.locator(':focus').getAttribute('id')).toBe(await field.getAttribute('id'))
      await page.getByLabel('Name').fill('Ada')
      await page.getByLabel('Date of birth').fill('1815-12-10')
      await page.getByRole('button', { name: 'Save and greet me' }).click()
      await answerOf(page).filter({ hasText: 'Hello, Ada!' }).waitFor()
      expect(await page.locator('[aria-invalid]').count()).toBe(0)
      await page.close()
    },
    30_000,
  )

  test('asks for a token where one is needed', async () => {
    const { token, entry } = createToken('write')
    await using guarded = await startService({ TOKENS: entry })
    await healthy(guarded)
    const page = await browser.newPage()
    await page.goto(guarded.url)
    await page.getByLabel('Name').fill('Ada')
    await page.getByLabel('Date of birth').fill('1815-12-10')
    await page.getByRole('button', { name: 'Save and greet me' }).click()
    await page.getByLabel('Access token').fill(token)
    await page.getByRole('button', { name: 'Save and greet me' }).click()
    await answerOf(page)
      .filter({ hasText: /^Hello, Ada! / })
      .waitFor()
    await page.close()
  }, 30_000)

  test.each(SCREENS)(
    'is accessible, %d px wide, in %s mode, also when something is wrong',
    async (width, colorScheme) => {
      const { page, complaints } = await open('/', {
        viewport: { width, height: 740 },
        colorScheme,
      })
      expect(await fitsItsWidth(page)).toBe(true)
      for (const button of await page.getByRole('button').all()) {
        const box = await button.boundingBox()
        expect(box?.height).toBeGreaterThanOrEqual(44)
      }
      expect(await faultsOf(page)).toEqual([])
      await page.getByRole('button', { name: 'Save and greet me' }).click()
      await answerOf(page).filter({ hasText: 'Please' }).waitFor()
      expect(await faultsOf(page)).toEqual([])
      expect(complaints).toEqual([])
      await page.screenshot({ path: `test/.cache/page-${width}-${colorScheme}.png` })
      await page.close()
    },
    30_000,
  )

  test.each(['light', 'dark'] as const)(
    'has fields whose border stands out 3:1, in %s mode',
    async (colorScheme) => {
      const { page } = await open('/', { colorScheme })
      const [border, inside, card] = (await page.evaluate(`[
        getComputedStyle(document.querySelector('#username')).borderTopColor,
        getComputedStyle(document.querySelector('#username')).backgroundColor,
        getComputedStyle(document.querySelector('main')).backgroundColor,
      ]`)) as string[]
      for (const ground of [inside, card])
        expect(contrast(border ?? '', ground ?? '')).toBeGreaterThanOrEqual(3)
      await page.close()
    },
    30_000,
  )
})

describe('the reference', () => {
  test.each([
    ['on a desktop', { width: 1280, height: 900 }],
    ['on a phone', PHONE],
  ])(
    '%s shows every operation, from this host only, under a strict policy',
    async (name, viewport) => {
      const { page, complaints, foreign, headers } = await open('/docs', { viewport })
      expect(headers['content-security-policy']).not.toContain('unsafe')
      for (const summary of ['Greet a user', 'Save or replace a date of birth', 'Forget a user']) {
        await page.getByText(summary, { exact: true }).waitFor()
      }
      await page.screenshot({ path: `test/.cache/docs-${name.replaceAll(' ', '-')}.png` })
      expect(await page.locator('.opblock').count()).toBe(5)
      expect(await fitsItsWidth(page)).toBe(true)
      expect(complaints).toEqual([])
      expect(foreign).toEqual([])
      await page.close()
    },
    30_000,
  )

  test.each(SCREENS)(
    'is accessible with an operation open, %d px wide, in %s mode',
    async (width, colorScheme) => {
      const { page } = await open('/docs', { viewport: { width, height: 900 }, colorScheme })
      await page.locator('#operations-Birthdays-saveBirthday .opblock-summary-control').click()
      await page.getByRole('button', { name: 'Try it out' }).click()
      await page.locator('.execute').waitFor()
      await page.screenshot({
        path: `test/.cache/docs-${width}-${colorScheme}.png`,
        fullPage: true,
      })
      expect(await fitsItsWidth(page)).toBe(true)
      expect(await faultsOf(page)).toEqual([])
      const ground = (await page.evaluate(
        "getComputedStyle(document.querySelector('.swagger-ui')).backgroundColor",
      )) as string
      expect(luminance(ground) < 0.5).toBe(colorScheme === 'dark')
      for (const filler of ['Servers', 'No links', 'example.com', '"string"']) {
        expect(await page.getByText(filler).filter({ visible: true }).count()).toBe(0)
      }
      await page.close()
    },
    60_000,
  )

  test('can be tried out', async () => {
    const { page } = await open('/docs')
    await page.locator('#operations-Service-health .opblock-summary').click()
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByRole('button', { name: 'Execute' }).click()
    await page.locator('.live-responses-table', { hasText: '"status": "ok"' }).waitFor()
    await page.close()
  }, 30_000)
})

test('pages are sent compressed, and not sent again to clients that have them', async () => {
  const first = await fetch(`${service.url}/assets/swagger-ui.js`, {
    decompress: false,
    headers: { 'Accept-Encoding': 'gzip' },
  } as RequestInit)
  expect(first.headers.get('content-encoding')).toBe('gzip')
  const etag = first.headers.get('etag') ?? ''
  const again = await fetch(`${service.url}/assets/swagger-ui.js`, {
    headers: { 'If-None-Match': etag },
  })
  expect(again.status).toBe(304)
  const plain = await fetch(`${service.url}/`, { headers: { 'Accept-Encoding': 'identity' } })
  expect(plain.headers.get('content-encoding')).toBeNull()
  expect(await plain.text()).toStartWith('<!doctype html>')
})

test('/docs/ leads to /docs, and a path that is not there points to it', async () => {
  expect((await fetch(`${service.url}/docs/`)).url).toBe(`${service.url}/docs`)
  expect(await (await fetch(`${service.url}/documentation`)).text()).toContain(
    '/docs has what there is',
  )
})

/** WCAG 2.2: relative luminance, of a colour as rgb(…) or rgba(…); what is transparent counts as white. */
function luminance(colour: string): number {
  const [red, green, blue, alpha = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number)
  const [r, g, b] = [red, green, blue].map((part = 0) => {
    const share = alpha === 0 ? 1 : part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(one: string, other: string): number {
  const [lower = 0, higher = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (higher + 0.05) / (lower + 0.05)
}
