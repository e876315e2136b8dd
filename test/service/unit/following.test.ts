import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFollowingStore } from '../../../src/store/following.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { openStore } from '../../../src/store/open.ts'
import { memoryLog } from '../../lab/support/app.ts'
import { eventually, freePort, temporaryFolder } from '../../lab/support/process.ts'
import { redisConfig } from '../../lab/support/store.ts'

test('a store that cannot be opened now and then is opened again, and the former one serves until then', async () => {
  const store = createFollowingStore(0)
  store.follow(createMemoryStore)
  await store.set('key', 'former')
  const next = createMemoryStore()
  await next.set('key', 'next')
  let attempts = 0
  store.follow(() => {
    if (++attempts < 3) throw new Error('ENOENT: no such certificate')
    return next
  })
  expect(await store.get('key')).toBe('former')
  await eventually('it has switched', async () => (await store.get('key')) === 'next')
  expect(attempts).toBe(3)
})

test('an endpoint whose store could not be opened is taken up when it is named again, and the log says why not', async () => {
  using folder = temporaryFolder()
  const log = memoryLog()
  const tlsCaFile = join(folder.path, 'ca.pem')
  const redis = redisConfig(`127.0.0.1:${freePort()}`, { tls: true, tlsCaFile })
  const { endpoints } = redis
  const { records, followEndpoints } = openStore(
    { stateDirectory: '', redis: { ...redis, endpoints: [] } },
    log,
  )
  expect(() => followEndpoints(endpoints)).toThrow('ca.pem')
  expect(log.lines).toContainEqual(
    expect.objectContaining({
      event: 'store-connection',
      reason: expect.stringContaining('ca.pem'),
    }),
  )
  expect(records.ping()).rejects.toThrow('no Redis endpoint is known yet')
  writeFileSync(tlsCaFile, '')
  followEndpoints(endpoints)
  expect(records.ping()).rejects.not.toThrow('no Redis endpoint is known yet')
  await records.close()
})
