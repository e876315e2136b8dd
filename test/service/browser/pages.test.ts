import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { createToken } from '../../../src/config/tokens.ts'
import { launchChromium } from '../../lab/support/browser.ts'
import { healthy, type RunningService, startService } from '../../lab/support/executable.ts'

const PHONE = { width: 360, height: 740 }

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
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await answerOf(page).filter({ hasText: 'Zoë is forgotten.' }).waitFor()
    expect(complaints).toEqual([])
    expect(foreign).toEqual([])
    await page.close()
  }, 30_000)

  test('says in words what is wrong', async () => {
    const { page } = await open('/')
    const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
    await press('Greet me')
    await answerOf(page).filter({ hasText: 'Please enter your name.' }).waitFor()
    await page.getByLabel('Name').fill('R2D2')
    await press('Greet me')
    await answerOf(page)
      .filter({ hasText: /letters/ })
      .waitFor()
    await page.getByLabel('Name').fill('Nobody')
    await press('Greet me')
    await answerOf(page)
      .filter({ hasText: /No birthday is stored/ })
      .waitFor()
    await page.getByLabel('Date of birth').fill('2999-01-01')
    await press('Save and greet me')
    await answerOf(page)
      .filter({ hasText: /before today/ })
      .waitFor()
    await page.close()
  }, 30_000)

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

  test.each(['light', 'dark'] as const)(
    'fits a phone, in %s mode',
    async (colorScheme) => {
      const { page, complaints } = await open('/', { viewport: PHONE, colorScheme })
      expect(await fitsItsWidth(page)).toBe(true)
      for (const button of await page.getByRole('button').all()) {
        const box = await button.boundingBox()
        expect(box?.height).toBeGreaterThanOrEqual(44)
      }
      expect(complaints).toEqual([])
      await page.screenshot({ path: `test/.cache/page-${colorScheme}.png` })
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
