import { expect, test } from 'bun:test'
import type { Socket } from 'bun'
import { eventually } from '../../lab/support/process.ts'
import { QUICK_REPLICATION, startRedis } from '../../lab/support/redis.ts'
import { redisStore } from '../../lab/support/store.ts'

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
const array = (...texts: string[]): string => `*${texts.length}\r\n${texts.map(bulk).join('')}`
const push = (...texts: string[]): string => array(...texts).replace('*', '>')

/** A Sentinel that tells its subscribers of a switch, and says where the primary is once they have heard of it. */
function startSentinel(primaryPort: number) {
  const subscribers = new Set<Socket>()
  const answers: (() => void)[] = []
  let asked = 0
  // A client that hears of a switch ends its subscriptions.
  const answerWhenHeard = () => {
    if (subscribers.size === 0) for (const answer of answers.splice(0)) answer()
  }
  const listener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket, bytes) {
        const text = bytes.toString().toUpperCase()
        for (const [command] of text.matchAll(
          /HELLO|GET-MASTER-ADDR-BY-NAME|\r\nSENTINELS|\r\nSUBSCRIBE|\r\nCLIENT|\r\nINFO/g,
        )) {
          switch (command.trim()) {
            case 'GET-MASTER-ADDR-BY-NAME':
              asked++
              for (const each of subscribers) each.write(push('message', '+switch-master', '-'))
              answers.push(() => socket.write(array('127.0.0.1', String(primaryPort))))
              answerWhenHeard()
              break
            case 'SUBSCRIBE':
              subscribers.add(socket)
              socket.write(`>3\r\n${bulk('subscribe')}${bulk('+switch-master')}:1\r\n`)
              break
            case 'SENTINELS':
              socket.write('*0\r\n')
              break
            case 'HELLO':
              socket.write(`%1\r\n${bulk('proto')}:3\r\n`)
              break
            default:
              socket.write('+OK\r\n')
          }
        }
      },
      close(socket) {
        subscribers.delete(socket)
        answerWhenHeard()
      },
    },
  })
  return {
    endpoint: `127.0.0.1:${listener.port}`,
    subscribers,
    asked: () => asked,
    [Symbol.dispose]: () => listener.stop(true),
  }
}

test('a switch of the primary, heard while it is looked for, does not end the connection for good', async () => {
  await using redis = await startRedis()
  using sentinel = startSentinel(redis.port)
  const store = await redisStore(sentinel.endpoint, { mode: 'sentinel' })
  try {
    await eventually('it listens to the Sentinel', async () => sentinel.subscribers.size > 0)
    const before = sentinel.asked()
    await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await eventually('it looks for the primary', async () => sentinel.asked() > before)
    await eventually('it is connected again', () => store.ping().then(() => true))
  } finally {
    await store.close()
  }
})

test('a Sentinel that names a replica as the primary is not asked again while others know better', async () => {
  await using primary = await startRedis(QUICK_REPLICATION)
  await using replica = await startRedis([
    ...QUICK_REPLICATION,
    ...['--replicaof', '127.0.0.1', String(primary.port)],
  ])
  using outdated = startSentinel(replica.port)
  using other = startSentinel(primary.port)
  const store = await redisStore(`${outdated.endpoint},${other.endpoint}`, { mode: 'sentinel' })
  expect(outdated.asked()).toBe(1)
  await store.set('key', 'value')
  expect(await primary.client.dbsize()).toBe(1)
  await store.close()
})
