import { expect, test } from 'bun:test'
import type { Redis } from 'ioredis'
import {
  batched,
  NOT_SENT,
  type Outcome,
  pipelined,
  type RedisCommand,
} from '../../../src/store/batched.ts'
import { replicatedWrites } from '../../../src/store/replicated-writes.ts'

test('the commands of one turn are one batch for each connection, and each gets its own outcome, once', async () => {
  const [one, other] = [{}, {}] as Redis[]
  const batches: [Redis, string[]][] = []
  const route = {
    connections:
      () =>
      ([name]: RedisCommand) =>
        name === 'nowhere' ? undefined : name === 'other' ? other : one,
    refused: async ([name]: RedisCommand, { message }: Error, sentAt: number) =>
      `${name}: ${message}, ${sentAt <= performance.now()}`,
  }
  const operation = batched(route, async (connection, commands) => {
    const names = commands.map(([name]) => name)
    batches.push([connection, names])
    return names.map((name): Outcome => (name === 'bad' ? [new Error('ERR')] : [null, name]))
  })
  const turn = ['first', 'other', 'bad', 'nowhere', 'last'].map((name) => operation([name]))
  const outcomes = ['first', 'other', 'bad: ERR, true', `nowhere: ${NOT_SENT}, true`, 'last']
  expect(await Promise.all(turn)).toEqual(outcomes)
  expect(await operation(['next'])).toBe('next')
  expect(batches).toEqual([
    [one as Redis, ['first', 'bad', 'last']],
    [other as Redis, ['other']],
    [one as Redis, ['next']],
  ])
})

/** A connection that answers each pipeline with `outcomes`. */
const connection = (outcomes: Outcome[] | null) => {
  const sent: RedisCommand[][] = []
  const pipeline = (commands: RedisCommand[]) => {
    sent.push(commands)
    return { exec: async () => outcomes }
  }
  return { sent, redis: { pipeline } as unknown as Redis }
}

test('commands whose connection gives no answer at all, or none in time, fail together', async () => {
  expect(await pipelined(500)(connection(null).redis, [['get', 'a']])).toEqual([])
  const silent = { pipeline: () => ({ exec: () => new Promise(() => {}) }) } as unknown as Redis
  const alive = setInterval(() => {}, 1000)
  const outcomes = await pipelined(10)(silent, [
    ['get', 'a'],
    ['get', 'b'],
  ])
  clearInterval(alive)
  expect(outcomes).toEqual(Array(2).fill([new Error('Command timed out')]))
  const route = {
    connections: () => () => silent,
    refused: (_: unknown, error: Error) => Promise.reject(error),
  }
  expect(batched(route, async () => [])(['get', 'a'])).rejects.toThrow('no reply')
})

test('writes succeed when enough replicas have all of the batch, and each keeps its own error', async () => {
  const writes: RedisCommand[] = [
    ['set', 'a', '1'],
    ['set', 'b', '2'],
  ]
  const own = new Error('OOM')
  const outcomesOf = async (...last: Outcome) => {
    const { sent, redis } = connection([[null, 'OK'], [own], last])
    const outcomes = await replicatedWrites(2, 501)(redis, writes)
    expect(sent).toEqual([[...writes, ['wait', '2', '401']]])
    return outcomes
  }
  for (const enough of [2, 3]) expect(await outcomesOf(null, enough)).toEqual([[null, 'OK'], [own]])
  const few = new Error('1 of 2 replicas have the write after 401 ms')
  expect(await outcomesOf(null, 1)).toEqual([[few], [own]])
  const refused = new Error('NOPERM')
  expect(await outcomesOf(refused, 2)).toEqual([[refused], [own]])
  const none = await replicatedWrites(2, 501)(connection([]).redis, writes)
  expect(none).toEqual([])
})
