import calculateSlot from 'cluster-key-slot'
import type { Cluster, Redis } from 'ioredis'
import { type Clock, clock, sleep, withDeadline } from '../deadline.ts'
import { NOT_SENT, type Outcome, type RedisCommand, type Route, type Send } from './batched.ts'

/**
 * Not carried out: the map of slots is out of date or in flux, or the server is a replica, or starting. A command with
 * one key never meets TRYAGAIN.
 */
const REFUSED = new RegExp(`^(MOVED|ASK|CLUSTERDOWN|READONLY|LOADING|${NOT_SENT})`)

/** What ioredis says of a command that was on its way when the connection was lost. */
const ANSWER_LOST = /^(Connection is closed|Command aborted)/

/** A write that may have been carried out is not sent again: it could undo what another caller wrote since. */
function mayRepeat([name]: RedisCommand, { message }: Error): boolean {
  return REFUSED.test(message) || (ANSWER_LOST.test(message) && name === 'get')
}

/** Even with redirections and retries, an operation ends within the second that callers are promised. */
const OPERATION_TIMEOUT_MS = 850

const timedOut = (refusal: string) => new Error(`Timed out after: ${refusal}`)

/** A connection takes a few milliseconds. Then each pause is twice as long, up to what ioredis waits for a failover. */
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 100

/**
 * Leads each command to the primary of its key's slot. A command that is refused because its slot moved or its
 * primary is gone is tried again by itself, until 850 ms after it was first sent; so is a read whose answer is lost.
 * Without any connection it fails at once.
 */
export function clusterRoute(cluster: Cluster, send: Send, time: Clock = clock): Route {
  const again = redirected(cluster, send, time)
  // By itself ioredis connects when the first command comes.
  cluster.on('+node', (node: Redis) => {
    if (!node.options.readOnly) node.connect().catch(() => {})
  })
  return {
    connections: () => primariesOf(cluster),
    async refused(command, error, sentAt) {
      const until = sentAt + OPERATION_TIMEOUT_MS
      const remainingMs = until - time.now()
      if (!mayRepeat(command, error) || cluster.status !== 'ready' || remainingMs <= 0) throw error
      const refusal = { message: error.message }
      const late = () => timedOut(refusal.message)
      return withDeadline(again(command, refusal, until), remainingMs, late, time)
    },
  }
}

/** Keeps the latest refusal in `refusal`. */
type Again = (
  command: RedisCommand,
  refusal: { message: string },
  until: number,
) => Promise<unknown>

/**
 * Follows redirections and waits for a failover. ioredis would, too, but what `send` adds to a command must go to the same
 * node, and ioredis sends a command even when its caller has been told that it failed: that could undo a later write.
 */
function redirected(cluster: Cluster, send: Send, time: Clock): Again {
  return async (command, last, until) => {
    const followed = new Set<string>()
    let pauseMs = FIRST_PAUSE_MS

    async function attempt(refusal: string): Promise<Outcome | undefined> {
      if (time.now() >= until) return [timedOut(refusal)]
      const [, kind, host, port] = /^(ASK|MOVED) \d+ (.+):(\d+)$/.exec(refusal) ?? []
      const named = host === undefined ? undefined : ready(nodeAt(cluster, host, Number(port)))
      if (named && kind === 'ASK') return (await send(named, [['asking'], command])).at(-1)
      // ASK may name a primary without slots yet, and a refresh closes the connections to those.
      const refreshed = kind === 'ASK' ? undefined : refreshSlots(cluster)
      // Two servers may for a while each name the other.
      if (named && !followed.has(refusal)) {
        followed.add(refusal)
        return (await send(named, [command])).at(-1)
      }
      await Promise.all([refreshed, sleep(pauseMs, time)])
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
      if (time.now() >= until) return [timedOut(refusal)]
      const node = primariesOf(cluster)(command)
      return node ? (await send(node, [command])).at(-1) : [new Error(NOT_SENT)]
    }

    for (;;) {
      const [error, reply] = (await attempt(last.message)) ?? []
      if (!error) return reply
      if (!mayRepeat(command, error)) throw error
      last.message = error.message
    }
  }
}

/** The primaries as they are now: finds that of a command's key. */
function primariesOf(cluster: Cluster): (command: RedisCommand) => Redis | undefined {
  const nodes = byAddress(cluster)
  return ([, key = '']) => ready(nodes.get(cluster.slots[slotOf(key)]?.[0] ?? ''))
}

/** From bytes it takes half as long as from text. Keys are ASCII; another one would be redirected by the server. */
const slotOf = (key: string): number => calculateSlot(Buffer.from(key, 'latin1'))

/** A node that is still connecting would keep a command, and send it when its caller may have been told that it failed. */
const ready = (node: Redis | undefined) => (node?.status === 'ready' ? node : undefined)

function byAddress(cluster: Cluster): Map<string, Redis> {
  const primaries = cluster.nodes('master')
  return new Map(primaries.map((node) => [`${node.options.host}:${node.options.port}`, node]))
}

/** The node that a redirection names. It is known to the cluster only while it has slots. */
function nodeAt(cluster: Cluster, host: string, port: number): Redis {
  // biome-ignore lint/complexity/useLiteralKeys: it is private, and nothing public connects to a node
  return cluster['connectionPool'].findOrCreate({ host, port })
}

function refreshSlots(cluster: Cluster): Promise<void> {
  return new Promise((resolve) => cluster.refreshSlotsCache(() => resolve()))
}
