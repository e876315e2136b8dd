import { expect, test } from 'bun:test'
import { copyFileSync, writeFileSync } from 'node:fs'
import { watchCertificate } from '../../../src/certificate.ts'
import { memoryLog } from '../../lab/support/app.ts'
import { makeCertificate } from '../../lab/support/tls.ts'

test('a certificate whose file changes is said once for each new one, and not while it is being written', () => {
  using used = makeCertificate()
  using renewed = makeCertificate()
  const first = used.pem
  const log = memoryLog()
  let look = () => {}
  watchCertificate(used, log, (again) => {
    look = again
  })
  look()
  expect(log.lines).toEqual([])
  writeFileSync(used.certFile, first.slice(0, 100))
  look()
  expect(log.lines).toEqual([])
  copyFileSync(renewed.certFile, used.certFile)
  for (const _ of ['once', 'again']) {
    look()
    expect(log.lines).toMatchObject([{ event: 'certificate-not-in-use', certFile: used.certFile }])
  }
  writeFileSync(used.certFile, first)
  look()
  expect(log.lines).toHaveLength(1)
})

test('a certificate that expires while it is in use is said once', () => {
  using expired = makeCertificate({ expired: true })
  const log = memoryLog()
  let look = () => {}
  watchCertificate(expired, log, (again) => {
    look = again
  })
  look()
  expect(log.lines).toMatchObject([{ event: 'certificate-expired' }])
})
