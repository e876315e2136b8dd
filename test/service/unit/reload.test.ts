import { expect, test } from 'bun:test'
import { ConfigError, loadConfig } from '../../../src/config/config.ts'
import { createToken } from '../../../src/config/tokens.ts'
import { createReload } from '../../../src/reload.ts'
import { memoryLog } from '../../lab/support/app.ts'

const load = (tokens: string, password: string) =>
  loadConfig(
    { port: 0, environment: 'local' },
    {
      ...{ TOKENS: tokens, REDIS_ENDPOINT: 'a:1', REDIS_PASSWORD: password, REDIS_TLS: 'true' },
      ...{ ETCD_ENDPOINTS: 'http://e:1', ETCD_USERNAME: 'u', ETCD_PASSWORD: password },
      ETCD_REDIS_HOSTS: 'a',
    },
  )

test('new secrets are taken up, those of the store when it serves with them; bad ones are said, and change nothing', async () => {
  const [first, second] = [createToken('read'), createToken('write', 'ci')]
  const config = await load(first.entry, 'one')
  let next = async () => load(second.entry, 'two')
  const followed: string[] = []
  const log = memoryLog()
  let inUseNow = 'one'
  const { reload, inUse } = createReload({
    ...{ config, log, reread: () => next(), passwordInUse: () => inUseNow },
    followPassword: (password) => followed.push(password),
  })
  const before = inUse()
  expect(Math.abs(before.readAt * 1000 - Date.now())).toBeLessThan(60_000)
  await reload()
  expect(config.tokens).toMatchObject([{ scope: 'write', label: 'ci' }])
  const tokens = [expect.objectContaining({ scope: 'write', label: 'ci' })]
  expect(log.lines).toEqual([{ event: 'tokens-replaced', tokens }])
  expect(JSON.stringify(log.lines)).not.toContain(second.entry.split(':')[1] ?? '')
  expect(followed).toEqual(['two'])
  expect(config.etcd?.password).toBe('two')
  expect(inUse()).toEqual(before)
  inUseNow = 'two'
  const after = inUse()
  expect(after.fingerprint).not.toBe(before.fingerprint)
  expect(after.readAt).toBeGreaterThanOrEqual(before.readAt)
  expect(after.readAt * 1000).toBeLessThanOrEqual(Date.now())

  await reload()
  expect(log.lines).toHaveLength(1)
  next = async () => {
    throw new ConfigError(['TOKENS: is not there'])
  }
  await reload()
  next = async () => {
    throw new Error('it is broken')
  }
  await reload()
  expect(log.lines.slice(1)).toEqual([
    { event: 'secrets-kept', problems: ['TOKENS: is not there'] },
    { event: 'secrets-kept', problems: ['it is broken'] },
  ])
  expect(inUse().fingerprint).toBe(after.fingerprint)
})
