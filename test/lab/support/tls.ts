import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './process.ts'

function openssl(...args: string[]): void {
  const done = Bun.spawnSync(['openssl', ...args])
  if (done.exitCode !== 0) throw new Error(`openssl: ${done.stderr}`)
}

/** A self-signed certificate for localhost and 127.0.0.1, which may have `expired` yesterday. */
export function makeCertificate({ expired = false } = {}): Disposable & {
  certFile: string
  keyFile: string
  pem: string
} {
  const folder = temporaryFolder()
  const certFile = join(folder.path, 'cert.pem')
  const keyFile = join(folder.path, 'key.pem')
  openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
    ...['-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', keyFile, '-out', certFile],
  )
  if (expired)
    openssl('x509', '-in', certFile, '-signkey', keyFile, '-days', '-1', '-out', certFile)
  return {
    certFile,
    keyFile,
    pem: readFileSync(certFile, 'utf8'),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}
