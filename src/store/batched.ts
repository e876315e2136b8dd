import type { Redis } from 'ioredis'
import { createDeadline } from '../deadline.ts'

export type RedisCommand = [name: string, ...parameters: string[]]

/** What became of one command of a batch. */
export type Outcome = [error: Error | null, reply?: unknown]

/** Where the commands of one turn go. */
export interface Route {
  /** Called once a turn, then for each of its commands. */
  connections(): (command: RedisCommand) => Redis | undefined
  /** Settles `command`, refused with `error` after it was sent at `sentAt` (performance.now): tries again, or throws. */
  refused(command: RedisCommand, error: Error, sentAt: number): Promise<unknown>
}

/** Sends a batch on one connection. The outcomes are in the order of the commands; never rejects. */
export type Send = (connection: Redis, commands: RedisCommand[]) => Promise<Outcome[]>

interface Waiting {
  command: RedisCommand
  resolve(reply: unknown): void
  reject(error: Error): void
}

/**
 * Sends the commands of one event loop turn in one batch for each connection that `route` leads to, which in a cluster
 * saves a quarter of a request's CPU time. ioredis' own auto-pipelining does so too, but holds the next batch back until
 * the previous one is answered: with a server that hangs, a request would wait for two timeouts instead of one.
 */
export function batched(route: Route, send: Send): (command: RedisCommand) => Promise<unknown> {
  let turn: Waiting[] = []

  function settle(waiting: Waiting, [error, reply]: Outcome, sentAt: number): void {
    const { command, resolve, reject } = waiting
    if (error) route.refused(command, error, sentAt).then(resolve, reject)
    else resolve(reply)
  }

  async function sendBatch(connection: Redis, batch: Waiting[], sentAt: number): Promise<void> {
    const outcomes = await send(
      connection,
      batch.map(({ command }) => command),
    )
    for (const [index, waiting] of batch.entries()) {
      settle(waiting, outcomes[index] ?? [new Error('no reply')], sentAt)
    }
  }

  function flush(): void {
    const sentAt = performance.now()
    const connectionOf = route.connections()
    const batches = new Map<Redis, Waiting[]>()
    const sending = turn
    turn = []
    for (const waiting of sending) {
      const connection = connectionOf(waiting.command)
      const batch = connection && batches.get(connection)
      if (batch) batch.push(waiting)
      else if (connection) batches.set(connection, [waiting])
      else settle(waiting, [new Error(NOT_SENT)], sentAt)
    }
    for (const [connection, batch] of batches) void sendBatch(connection, batch, sentAt)
  }

  return (command) =>
    new Promise((resolve, reject) => {
      if (turn.length === 0) setImmediate(flush)
      turn.push({ command, resolve, reject })
    })
}

/** Of a command for which there was no connection. ioredis has the same words for that and for a lost answer. */
export const NOT_SENT = 'Not sent: no connection'

/** Sends the commands and nothing else. Those that are not answered after `timeoutMs` fail together. */
export function pipelined(timeoutMs: number): Send {
  const inTime = createDeadline(timeoutMs)
  const late = () => new Error('Command timed out')
  return async (connection, commands) => {
    try {
      return (await inTime(connection.pipeline(commands).exec(), late)) ?? []
    } catch (error) {
      return commands.map(() => [error as Error])
    }
  }
}
