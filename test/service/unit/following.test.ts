import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFollowingStore } from '../../../src/store/following.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { openStore } from '../../../src/store/open.ts'
import { memoryLog } from '../../lab/support/app.ts'
import { createVirtualClock } from '../../lab/support/clock.ts'
import { freePort, temporaryFolder } from '../../lab/support/process.ts'
import { redisConfig } from '../../lab/support/store.ts'

/** A following store that serves from `former`, on a clock of its own, and what becomes of the stores that it opens. */
function following() {
  const clock = createVirtualClock()
  const events: string[] = []
  const pings: Record<string, number> = {}
  const note = (what: string) => void events.push(`${what} at ${clock.now()}`)
  const named = (name: string, ping: () => Promise<void>) => ({
    ...createMemoryStore(),
    get: async () => name,
    ping() {
      pings[name] = (pings[name] ?? 0) + 1
      return ping()
    },
    close: async () => note(`${name} closed`),
  })
  const store = createFollowingStore(1000, clock)
  store.follow(() => named('former', well))
  return {
    ...{ store, clock, events, pings, note },
    serving: () => store.get('key'),
    /** Opens a store that answers its pings as `ping` does. */
    opening: (name: string, ping: () => Promise<void>) => () => {
      note(`${name} opened`)
      return named(name, ping)
    },
  }
}

const well = async () => {}
const never = async (): Promise<void> => {
  throw new Error('it does not answer')
}

test('a store is opened again until one answers; the former one serves until then, and ends its requests', async () => {
  const { store, clock, events, pings, note, serving, opening } = following()
  const attempts = [
    () => {
      note('none opened')
      throw new Error('ENOENT: no such certificate')
    },
    opening('silent', never),
    opening('next', well),
  ]
  store.follow(() => (attempts.shift() ?? opening('another', well))())
  await clock.advance(2499)
  expect(await serving()).toBe('former')
  expect(pings).toEqual({ silent: 80 })
  await clock.advance(1)
  expect(await serving()).toBe('next')
  await clock.advance(10_000)
  expect(events).toEqual([
    'none opened at 0',
    'silent opened at 250',
    'silent closed at 2250',
    'next opened at 2500',
    'former closed at 3500',
  ])
})

test('an attempt that was overtaken never serves, though it answers after all, and is closed', async () => {
  const { store, clock, events, serving, opening } = following()
  const [one, two] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  store.follow(opening('one', () => one.promise))
  store.follow(opening('two', () => two.promise))
  one.resolve()
  await clock.advance(1000)
  expect(await serving()).toBe('former')
  two.resolve()
  await clock.advance(0)
  expect(await serving()).toBe('two')
  expect(events).toEqual(['one opened at 0', 'two opened at 0', 'one closed at 25'])
  store.follow(opening('three', never))
  await clock.advance(100)
  store.follow(opening('four', well))
  await clock.advance(1000)
  expect(await serving()).toBe('four')
  expect(events).toContain('three closed at 1125')
})

test('what is followed already is opened again only once it serves; after the end nothing is', async () => {
  const { store, clock, events, opening } = following()
  let ping = never
  const open = opening('next', () => ping())
  store.follow(open)
  store.follow(open)
  await clock.advance(100)
  expect(events).toEqual(['next opened at 0'])
  ping = well
  await clock.advance(900)
  store.follow(open)
  expect(events.filter((event) => event.includes('opened'))).toEqual([
    'next opened at 0',
    'next opened at 1000',
  ])
  store.follow(opening('late', never))
  await clock.advance(100)
  await store.close()
  await clock.advance(10_000)
  expect(events.filter((event) => event.startsWith('late'))).toEqual([
    'late opened at 1000',
    'late closed at 1125',
  ])
})

test('what it is asked, it asks the store that serves', async () => {
  const store = createFollowingStore(0)
  await expect(store.get('key')).rejects.toThrow('no Redis endpoint is known yet')
  store.follow(createMemoryStore)
  await store.set('key', 'value')
  expect(await store.get('key')).toBe('value')
  expect(await store.delete('key')).toBe(true)
  await store.ping()
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
