import { type Browser, chromium } from 'playwright-core'

/** Debian's, unless CHROMIUM says otherwise. */
export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Headless Chromium, without the calls home that a closed network refuses. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  })
}
