import { expect, test } from 'bun:test'
import { eventually, freePort } from '../../lab/support/process.ts'
import { unreadyRedisStore } from '../../lab/support/store.ts'

const KEY = 'some:key'

/** Speaks enough of Redis' protocol to be connected to, answers each write under KEY with `onSave`, and counts them. */
function startFakeRedis(port: number, onSave: 'close' | 'ok') {
  let saves = 0
  const listener = Bun.listen({
    hostname: '127.0.0.1',
    port,
    socket: {
      data(socket, bytes) {
        for (const [command = ''] of bytes.toString().matchAll(/\*\d+\r\n(?:\$\d+\r\n.*\r\n)+/g)) {
          if (/\r\nhello\r\n/i.test(command)) socket.write('%1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n')
          else if (!/\r\nset\r\n.*some:key/s.test(command)) socket.write('_\r\n')
          else {
            saves++
            if (onSave === 'close') socket.terminate()
            else socket.write('+OK\r\n')
          }
        }
      },
    },
  })
  return { saves: () => saves, [Symbol.dispose]: () => listener.stop(true) }
}

test('a write whose answer is lost is not sent again', async () => {
  const port = freePort()
  using redis = startFakeRedis(port, 'close')
  const store = unreadyRedisStore(`127.0.0.1:${port}`)
  await eventually('it is connected', () => store.ping().then(() => true))
  await expect(store.set(KEY, 'value')).rejects.toThrow('Redis: ')
  await eventually('it is connected again', () => store.ping().then(() => true))
  expect(redis.saves()).toBe(1)
  await store.close()
})

test('a write without a connection fails at once, and is not sent once there is one', async () => {
  const port = freePort()
  const store = unreadyRedisStore(`127.0.0.1:${port}`)
  const nothing = `nothing listens at 127.0.0.1:${port}`
  await eventually('it says why', async () => {
    const error = await store.set(KEY, 'value').catch((error: Error) => error)
    return error?.message.includes(nothing)
  })
  using redis = startFakeRedis(port, 'ok')
  await eventually('it is connected', () => store.ping().then(() => true))
  expect(redis.saves()).toBe(0)
  await store.set(KEY, 'value')
  expect(redis.saves()).toBe(1)
  await store.close()
})
