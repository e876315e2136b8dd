import { describe, expect, test } from 'bun:test'
import {
  faultsOf,
  fitsItsWidth,
  luminance,
  open,
  SCREENS,
  service,
  startPages,
} from '../../lab/support/pages.ts'

startPages()

const PHONE = { width: 360, height: 740 }

interface Operation {
  tags: string[]
  operationId: string
  summary: string
  requestBody?: object
}

/** Those of the OpenAPI document. */
async function operations(): Promise<Operation[]> {
  const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, Operation>>
  }
  return Object.values(document.paths)
    .flatMap((path) => Object.values(path))
    .filter(({ operationId }) => operationId)
}

describe('the reference', () => {
  test.each([
    ['on a desktop', { width: 1280, height: 900 }],
    ['on a phone', PHONE],
  ])(
    '%s shows every operation, from this host only, under a strict policy',
    async (name, viewport) => {
      const { page, complaints, foreign, headers } = await open('/docs', { viewport })
      expect(headers['content-security-policy']).not.toContain('unsafe')
      const all = await operations()
      for (const { summary } of all) await page.getByText(summary, { exact: true }).waitFor()
      await page.screenshot({ path: `test/.cache/docs-${name.replaceAll(' ', '-')}.png` })
      expect(await page.locator('.opblock').count()).toBe(all.length)
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
      const [{ tags, operationId } = { tags: [], operationId: '' }] = (await operations()).filter(
        ({ requestBody }) => requestBody,
      )
      await page.locator(`#operations-${tags[0]}-${operationId} .opblock-summary-control`).click()
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
  }, 60_000)
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
