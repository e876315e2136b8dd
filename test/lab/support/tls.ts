import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './process.ts'

/** A self-signed certificate for localhost and 127.0.0.1. */
export function makeCertificate(): Disposable & { certFile: string; keyFile: string; pem: string } {
  const folder = temporaryFolder()
  const certFile = join(folder.path, 'cert.pem')
  const keyFile = join(folder.path, 'key.pem')
  const made = Bun.spawnSync([
    ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
    ...['-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', keyFile, '-out', certFile],
  ])
  if (made.exitCode !== 0) throw new Error(`openssl: ${made.stderr}`)
  return {
    certFile,
    keyFile,
    pem: readFileSync(certFile, 'utf8'),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}
