import calculateSlot from 'cluster-key-slot'
import { Cluster, type Redis } from 'ioredis'

/** A command and the one key that it changes. */
export type RedisWrite = [name: 'set' | 'del', key: string, ...values: string[]]

/** Errors after which the cluster's map of slots is out of date or in flux. */
const REDIRECTED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|LOADING|Connection is closed)/

/**
 * Writes that resolve only when `replicas` replicas have them. The command and its WAIT are sent in one batch on one
 * connection: on another one WAIT would count replicas that never saw the write.
 */
export function replicatedWrites(client: Redis | Cluster, replicas: number, timeoutMs: number) {
  // WAIT must give up before the command timeout does, so that the two failures can be told apart.
  const waitMs = Math.ceil(timeoutMs * 0.8)

  async function writeOn(node: Redis, command: RedisWrite): Promise<unknown> {
    const batch = node.pipeline([command, ['wait', replicas, waitMs]])
    const [written, waited] = (await batch.exec()) ?? []
    const error = written?.[0] ?? waited?.[0]
    if (error) throw error
    const acknowledged = Number(waited?.[1])
    if (acknowledged >= replicas) return written?.[1]
    throw new Error(`${acknowledged} of ${replicas} replicas have the write after ${waitMs} ms`)
  }

  return async (command: RedisWrite): Promise<unknown> => {
    if (!(client instanceof Cluster)) return writeOn(client, command)
    const [, key] = command
    try {
      return await writeOn(primaryOf(client, key), command)
    } catch (error) {
      if (!(error instanceof Error && REDIRECTED.test(error.message))) throw error
      await refreshSlots(client)
      return writeOn(primaryOf(client, key), command)
    }
  }
}

function primaryOf(cluster: Cluster, key: string): Redis {
  const address = cluster.slots[calculateSlot(key)]?.[0]
  const node = cluster
    .nodes('master')
    .find(({ options }) => `${options.host}:${options.port}` === address)
  if (!node) throw new Error('Connection is closed to the primary of this slot')
  return node
}

function refreshSlots(cluster: Cluster): Promise<void> {
  return new Promise((resolve) => cluster.refreshSlotsCache(() => resolve()))
}
