import type { Config } from './config.ts'

const TIMEOUT_MS = 2000

/** Asks the service on this machine how it is; `report` is a line for a person. */
export async function checkHealth({
  port,
  tls,
}: Pick<Config, 'port' | 'tls'>): Promise<{ healthy: boolean; report: string }> {
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}/hc`
  try {
    // The certificate names the host that others use, not this machine's loopback address.
    const response = await fetch(url, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      tls: { rejectUnauthorized: false },
    })
    return { healthy: response.ok, report: `${url} ${response.status} ${await response.text()}` }
  } catch (error) {
    return { healthy: false, report: `${url} ${(error as Error).message}` }
  }
}
