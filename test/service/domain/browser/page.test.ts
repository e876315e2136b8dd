import { describe, expect, test } from 'bun:test'
import type { Page } from 'playwright-core'
import { createToken } from '../../../../src/config/tokens.ts'
import { healthy, startService } from '../../../lab/support/executable.ts'
import {
  browser,
  contrast,
  faultsOf,
  fitsItsWidth,
  open,
  SCREENS,
  startPages,
} from '../../../lab/support/pages.ts'

startPages()

const answerOf = (page: Page) => page.locator('#answer')

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
  }, 60_000)

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
  }, 60_000)

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
