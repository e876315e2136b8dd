import { pipelined, type RedisCommand, type Send } from './batched.ts'

/**
 * Sends writes, each of which succeeds only when `replicas` replicas have it. One WAIT ends the batch and stands for
 * all of it: on another connection it would count replicas that never saw the writes.
 */
export function replicatedWrites(replicas: number, timeoutMs: number): Send {
  // WAIT must give up before the command timeout does, so that the two failures can be told apart.
  const waitMs = Math.ceil(timeoutMs * 0.8)
  const send = pipelined(timeoutMs)
  return async (connection, writes) => {
    const wait: RedisCommand = ['wait', String(replicas), String(waitMs)]
    const outcomes = await send(connection, [...writes, wait])
    const [error, acknowledged] = outcomes.pop() ?? [new Error('no reply')]
    if (!error && Number(acknowledged) >= replicas) return outcomes
    const reason =
      error ??
      new Error(`${acknowledged} of ${replicas} replicas have the write after ${waitMs} ms`)
    return outcomes.map(([own]) => [own ?? reason])
  }
}
