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
  const looks: [() => void, number][] = []
  const { expiresAtSeconds } = watchCertificate(expired, log, (...each) => looks.push(each))
  const expiredAt = new Date(expiresAtSeconds * 1000)
  expect(expiredAt.getTime()).toBeWithin(Date.now() - 2 ** 40, Date.now())
  const line = { event: 'certificate-expired', certFile: expired.certFile, expiredAt }
  expect(log.lines).toEqual([line])
  const [[look, everyMs] = [() => {}, 0]] = looks
  expect(everyMs).toBe(60_000)
  look()
  expect(log.lines).toEqual([line])
})
