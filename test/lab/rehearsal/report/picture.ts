import { join, resolve } from 'node:path'
import { root } from '../../../../scripts/lib/service.ts'
import { launchChromium } from '../../support/browser.ts'

/** As wide as GitHub shows a picture in a README, in CSS pixels. */
const WIDTH = 830

const page = resolve(Bun.argv[2] ?? join(root, '.rehearsal', 'last', 'deploy.html'))
const browser = await launchChromium()
try {
  for (const colorScheme of ['light', 'dark'] as const) {
    const viewport = { width: WIDTH, height: 600 }
    const shown = await browser.newPage({ colorScheme, viewport, deviceScaleFactor: 2 })
    await shown.goto(`file://${page}`)
    // Down to what the tables say.
    const { y: height = 0 } = (await shown.locator('section:last-of-type').boundingBox()) ?? {}
    const devTools = await shown.context().newCDPSession(shown)
    const { data } = await devTools.send('Page.captureScreenshot', {
      format: 'webp',
      quality: 80,
      clip: { x: 0, y: 0, width: WIDTH, height, scale: 1 },
      captureBeyondViewport: true,
    })
    await Bun.write(
      join(import.meta.dir, `example-${colorScheme}.webp`),
      Buffer.from(data, 'base64'),
    )
  }
} finally {
  await browser.close()
}
