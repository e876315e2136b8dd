import { X509Certificate } from 'node:crypto'
import type { TlsConfig } from './config/config.ts'
import { readSmallFile } from './config/secrets.ts'
import type { Log } from './telemetry/log.ts'

/** How often the file is compared with what is in use. */
const LOOK_MS = 60_000

/**
 * Says in the log that the certificate has expired, and that its file has changed: Bun cannot change the certificate of a
 * listener that is open, so a renewed one takes a restart. Both are said once. Returns what is known of the one in use.
 */
export function watchCertificate(
  { certFile }: TlsConfig,
  log: Log,
  every: (look: () => void, ms: number) => void = (look, ms) => setInterval(look, ms).unref(),
): { expiresAtSeconds: number } {
  const used = new X509Certificate(readSmallFile(certFile))
  let seen = used.fingerprint256
  let expired = false

  function look(): void {
    if (!expired && used.validToDate.getTime() < Date.now()) {
      expired = true
      log.warn({ event: 'certificate-expired', certFile, expiredAt: used.validToDate })
    }
    const found = fingerprint(certFile)
    if (found === undefined || found === seen) return
    seen = found
    if (found === used.fingerprint256) return
    log.warn({ event: 'certificate-not-in-use', certFile, reason: 'it changed; restart to use it' })
  }

  look()
  every(look, LOOK_MS)
  return { expiresAtSeconds: used.validToDate.getTime() / 1000 }
}

/** Undefined while the file is being written. */
function fingerprint(file: string): string | undefined {
  try {
    return new X509Certificate(readSmallFile(file)).fingerprint256
  } catch {
    return undefined
  }
}
