import { isIPv6 } from 'node:net'
import type { Config } from './config/config.ts'

const TIMEOUT_MS = 2000

/** Whatever listens there may say more. */
const SHOWN_CHARS = 200

/** Checks the health of the service on this machine; `report` is a line for humans. */
export async function checkHealth({
  port,
  tls,
  bindAddress,
}: Pick<Config, 'port' | 'tls' | 'bindAddress'>): Promise<{ healthy: boolean; report: string }> {
  // A service bound to all addresses is checked on loopback.
  const host = bindAddress.replace(/^0\.0\.0\.0$/, '127.0.0.1').replace(/^::$/, '::1')
  const url = `${tls ? 'https' : 'http'}://${isIPv6(host) ? `[${host}]` : host}:${port}/hc`
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      proxy: false,
      redirect: 'manual',
      // The certificate names the host that others use, not this machine's loopback address.
      tls: { rejectUnauthorized: false },
    })
    const body = (await response.text()).slice(0, SHOWN_CHARS)
    return { healthy: response.ok, report: `${url} ${response.status} ${body}` }
  } catch (error) {
    return { healthy: false, report: `${url} ${(error as Error).message}` }
  }
}
