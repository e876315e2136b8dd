import { afterAll, beforeAll } from 'bun:test'
import axe, { type AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { launchChromium } from './browser.ts'
import { healthy, type RunningService, startService } from './executable.ts'

export const SCREENS = [1280, 390].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => [width, colorScheme] as const),
)

export let service: RunningService
export let browser: Browser

/** Gives the tests of a file the executable and a browser. */
export function startPages(): void {
  beforeAll(async () => {
    service = await startService()
    await healthy(service)
    browser = await launchChromium()
  }, 60_000)
  afterAll(async () => {
    await browser.close()
    await service[Symbol.asyncDispose]()
  })
}

/** Opens a page; collects its errors, such as policy violations and missing files, and its requests to other hosts. */
export async function open(path: string, options: Parameters<Browser['newPage']>[0] = {}) {
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

export const fitsItsWidth = (page: Page) =>
  page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth')

/** What axe-core has against a page as it is now. */
export async function faultsOf(page: Page) {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

/** WCAG 2.2: relative luminance, of a colour as rgb(…) or rgba(…); what is transparent counts as white. */
export function luminance(colour: string): number {
  const [red, green, blue, alpha = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number)
  const [r, g, b] = [red, green, blue].map((part = 0) => {
    const share = alpha === 0 ? 1 : part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

export function contrast(one: string, other: string): number {
  const [lower = 0, higher = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (higher + 0.05) / (lower + 0.05)
}
