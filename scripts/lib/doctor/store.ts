import { DescribeReplicationGroupsCommand } from '@aws-sdk/client-elasticache'
import { DescribeClustersCommand } from '@aws-sdk/client-memorydb'
import { unless } from '../aws/errors.ts'
import { count, type Finding, problem, problemsOr } from '../verify/finding.ts'
import type { Account } from './account.ts'
import type { Environment } from './environment.ts'

interface Store {
  engine: string
  status: string
  /** A node's name, and its status where the engine tells one. */
  nodes: { name: string; status: string }[]
}

/** Whether the store is up, with all of its nodes. */
export async function checkStore({ aws, group }: Environment): Promise<Finding[]> {
  const store = (await findMemoryDb(aws, group)) ?? (await findElastiCache(aws, group))
  if (!store) {
    return [
      problem(
        `there is neither a MemoryDB cluster nor an ElastiCache replication group named ${group}`,
        'check --group and --region; if it was there, restore its newest snapshot before anything else',
      ),
    ]
  }
  const { engine, status, nodes } = store
  const problems = nodes
    .filter((node) => node.status !== 'available')
    .map((node) =>
      problem(
        `the ${engine} node ${node.name} is ${node.status}`,
        'AWS replaces a failed node by itself: see the events of the store if it lasts',
      ),
    )
  if (status !== 'available') {
    problems.unshift(
      problem(
        `${engine} is ${status}`,
        'see the events of the store in the console; while it is being changed, writes may fail for seconds',
      ),
    )
  }
  return problemsOr(problems, `${engine} is available, with ${count(nodes.length, 'node')}`)
}

async function findMemoryDb({ memoryDb }: Account, name: string): Promise<Store | undefined> {
  const answer = await memoryDb
    .send(new DescribeClustersCommand({ ClusterName: name, ShowShardDetails: true }))
    .catch(unless('ClusterNotFoundFault'))
  const cluster = answer?.Clusters?.[0]
  if (!cluster) return undefined
  const nodes = (cluster.Shards ?? []).flatMap(({ Nodes = [] }) => Nodes)
  return {
    engine: 'MemoryDB',
    status: cluster.Status ?? 'unknown',
    nodes: nodes.map(({ Name = '', Status = 'unknown' }) => ({ name: Name, status: Status })),
  }
}

async function findElastiCache({ elastiCache }: Account, name: string): Promise<Store | undefined> {
  const answer = await elastiCache
    .send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: name }))
    .catch(unless('ReplicationGroupNotFoundFault'))
  const found = answer?.ReplicationGroups?.[0]
  if (!found) return undefined
  // A node has no status of its own here, but each shard has.
  const nodes = (found.NodeGroups ?? []).flatMap(({ NodeGroupMembers = [], Status = 'unknown' }) =>
    NodeGroupMembers.map(({ CacheClusterId = '' }) => ({ name: CacheClusterId, status: Status })),
  )
  return { engine: 'ElastiCache', status: found.Status ?? 'unknown', nodes }
}
