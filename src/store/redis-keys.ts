import { Cluster, type Redis } from 'ioredis'
import { NOT_SENT } from './batched.ts'
import { CannotGoOn, unknownPosition } from './key-value.ts'

const PAGE_KEYS = 1000

/** A scan is complete only on the servers that it began on. */
const changed = () =>
  new CannotGoOn(
    'the servers, or their slots, are not those that the export began with: begin again',
  )

/** A fingerprint of the servers and their slots, the number of the server, and its cursor. */
const POSITION = /^(\w+)\.(\d{1,4})\.(\d{1,20})$/

/** The keys that begin with `prefix`, of one primary after the other: no other server would understand its cursor. */
export async function* scanKeys(
  client: Redis | Cluster,
  prefix: string,
  from?: string,
): AsyncGenerator<{ keys: string[]; position: string }, void> {
  const { nodes, fingerprint } = await primaries(client)
  const [, before, first, within = ''] = POSITION.exec(from ?? `${fingerprint}.0.0`) ?? []
  if (before && before !== fingerprint) throw changed()
  if (!before || Number(first) > nodes.length) throw unknownPosition(from)
  let cursor = within
  for (let index = Number(first); index < nodes.length; ) {
    const [next, keys] = await (nodes[index] as Redis).scan(
      ...([cursor, 'MATCH', `${prefix}*`, 'COUNT', PAGE_KEYS] as const),
    )
    cursor = next
    if (cursor === '0') index++
    // A slot that moved from a later server to an earlier one would be missing.
    if (index === nodes.length && (await primaries(client)).fingerprint !== fingerprint)
      throw changed()
    yield { keys, position: `${fingerprint}.${index}.${cursor}` }
  }
}

async function primaries(
  client: Redis | Cluster,
): Promise<{ nodes: Redis[]; fingerprint: string }> {
  const isCluster = client instanceof Cluster
  if (client.status !== 'ready') throw new Error(NOT_SENT)
  if (isCluster) await new Promise<void>((done) => client.refreshSlotsCache(() => done()))
  const nodes = isCluster ? client.nodes('master') : [client]
  const address = ({ options: { host, port } }: Redis) => `${host}:${port}`
  nodes.sort((one, other) => (address(one) < address(other) ? -1 : 1))
  const ids = await Promise.all(
    nodes.map(async (node) => /^run_id:(\w+)/m.exec(await node.info('server'))?.[1]),
  )
  const slots = isCluster ? client.slots.map(([primary]) => primary) : []
  const fingerprint = Bun.hash(JSON.stringify([ids, slots])).toString(36)
  return { nodes, fingerprint }
}
