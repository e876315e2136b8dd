import { afterAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { end } from '../../lab/support/process.ts'
import { startRedis } from '../../lab/support/redis.ts'
import { redisStore } from '../../lab/support/store.ts'
import { valkeyServer } from '../../lab/support/tools.ts'
import { keepsTheContract, keyOf } from './contract.ts'

interface Compose {
  services: { valkey: { image: string; command: string; ports: string[] } }
}

const compose = Bun.YAML.parse(readFileSync(join(root, '.compose.yaml'), 'utf8')) as Compose
const { image, command, ports } = compose.services.valkey
const [, ...options] = command.split(' ')

const { reason, value: server } = await valkeyServer().then(
  (value) => ({ value, reason: undefined }),
  (error: Error) => ({ value: '', reason: error.message }),
)
sayWhatIsLeftOut('Valkey', reason)

const stack = new AsyncDisposableStack()
afterAll(() => stack.disposeAsync())

describe.skipIf(reason !== undefined)('Valkey, as .compose.yaml starts it', () => {
  const start = () => startRedis(options, { program: server })

  keepsTheContract(async () => {
    const valkey = stack.use(await start())
    const store = await redisStore(valkey.endpoint)
    stack.defer(() => store.close())
    return store
  })

  test('is of the version of the image, and only this machine reaches it', async () => {
    const valkey = stack.use(await start())
    const version = /valkey_version:(\d+\.\d+)/.exec(await valkey.client.info('server'))?.[1]
    expect(image).toStartWith(`valkey/valkey:${version}-`)
    expect(ports).toEqual(['127.0.0.1:6379:6379'])
  })

  test('keeps every acknowledged write when it is killed', async () => {
    const valkey = stack.use(await start())
    const store = await redisStore(valkey.endpoint)
    const keys = Array.from({ length: 50 }, (_, index) => keyOf(`user${index}`))
    for (const key of keys) await store.set(key, `value of ${key}`)
    await end(valkey.child, 'SIGKILL')
    await valkey.restart()
    await store.close()
    const later = await redisStore(valkey.endpoint)
    const found = await Promise.all(keys.map((key) => later.get(key)))
    expect(found).toEqual(keys.map((key) => `value of ${key}`))
    await later.close()
  })
})
