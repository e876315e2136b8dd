import {
  CreateSnapshotCommand as CreateElastiCacheSnapshotCommand,
  CreateReplicationGroupCommand,
  DeleteReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeSnapshotsCommand as DescribeElastiCacheSnapshotsCommand,
  DescribeReplicationGroupsCommand,
  ElastiCacheClient,
} from '@aws-sdk/client-elasticache'
import {
  CreateClusterCommand,
  CreateSnapshotCommand,
  DeleteClusterCommand,
  DescribeClustersCommand,
  DescribeSnapshotsCommand,
  type Endpoint,
  MemoryDBClient,
} from '@aws-sdk/client-memorydb'
import { clientOptions } from '../aws/clients.ts'
import { unless } from '../aws/errors.ts'

/** What AWS calls it while it is made, changed or removed, and where it is reached; undefined if there is none. */
export interface StoreStatus {
  status: string
  endpoint: string
}

/** The store of a group in one engine; its snapshots, and copies of it. */
export interface StoreEngine {
  name: string
  find(store: string): Promise<StoreStatus | undefined>
  takeSnapshot(store: string, snapshot: string): Promise<void>
  snapshotStatus(snapshot: string): Promise<string | undefined>
  /** Begins to make `copy` from a snapshot: in the network of `store`, for the same users, with a node for each shard. */
  restore(snapshot: string, store: string, copy: string): Promise<void>
  /** Begins to remove `copy`, without a snapshot. */
  remove(copy: string): Promise<void>
}

const endpointOf = (endpoint: Endpoint | undefined): string =>
  `${endpoint?.Address}:${endpoint?.Port}`

/** MemoryDB and ElastiCache in one region. */
export function storeEngines(region: string | undefined): StoreEngine[] {
  const memoryDb = new MemoryDBClient(clientOptions(region))
  const elastiCache = new ElastiCacheClient(clientOptions(region))
  const cluster = async (ClusterName: string) =>
    (
      await memoryDb
        .send(new DescribeClustersCommand({ ClusterName }))
        .catch(unless('ClusterNotFoundFault'))
    )?.Clusters?.[0]
  const replicationGroup = async (ReplicationGroupId: string) =>
    (
      await elastiCache
        .send(new DescribeReplicationGroupsCommand({ ReplicationGroupId }))
        .catch(unless('ReplicationGroupNotFoundFault'))
    )?.ReplicationGroups?.[0]

  return [
    {
      name: 'MemoryDB',
      async find(store) {
        const found = await cluster(store)
        return found && { status: `${found.Status}`, endpoint: endpointOf(found.ClusterEndpoint) }
      },
      async takeSnapshot(ClusterName, SnapshotName) {
        await memoryDb.send(new CreateSnapshotCommand({ ClusterName, SnapshotName }))
      },
      async snapshotStatus(SnapshotName) {
        const answer = await memoryDb
          .send(new DescribeSnapshotsCommand({ SnapshotName }))
          .catch(unless('SnapshotNotFoundFault'))
        return answer?.Snapshots?.[0]?.Status
      },
      async restore(SnapshotName, store, ClusterName) {
        const like = await cluster(store)
        await memoryDb.send(
          new CreateClusterCommand({
            ClusterName,
            SnapshotName,
            NodeType: like?.NodeType,
            NumReplicasPerShard: 0,
            ACLName: like?.ACLName,
            SubnetGroupName: like?.SubnetGroupName,
            ParameterGroupName: like?.ParameterGroupName,
            SecurityGroupIds: like?.SecurityGroups?.map((each) => `${each.SecurityGroupId}`),
            Port: like?.ClusterEndpoint?.Port,
            TLSEnabled: like?.TLSEnabled,
            KmsKeyId: like?.KmsKeyId,
            Engine: like?.Engine,
            EngineVersion: like?.EngineVersion,
            AutoMinorVersionUpgrade: false,
          }),
        )
      },
      async remove(ClusterName) {
        await memoryDb.send(new DeleteClusterCommand({ ClusterName }))
      },
    },
    {
      name: 'ElastiCache',
      async find(store) {
        const found = await replicationGroup(store)
        return (
          found && { status: `${found.Status}`, endpoint: endpointOf(found.ConfigurationEndpoint) }
        )
      },
      async takeSnapshot(ReplicationGroupId, SnapshotName) {
        await elastiCache.send(
          new CreateElastiCacheSnapshotCommand({ ReplicationGroupId, SnapshotName }),
        )
      },
      async snapshotStatus(SnapshotName) {
        const answer = await elastiCache
          .send(new DescribeElastiCacheSnapshotsCommand({ SnapshotName }))
          .catch(unless('SnapshotNotFoundFault'))
        return answer?.Snapshots?.[0]?.SnapshotStatus
      },
      async restore(SnapshotName, store, ReplicationGroupId) {
        const like = await replicationGroup(store)
        const CacheClusterId = like?.MemberClusters?.[0]
        const { CacheClusters } = await elastiCache.send(
          new DescribeCacheClustersCommand({ CacheClusterId }),
        )
        const node = CacheClusters?.[0]
        await elastiCache.send(
          new CreateReplicationGroupCommand({
            ReplicationGroupId,
            ReplicationGroupDescription: `Copy of ${store} from ${SnapshotName}`,
            SnapshotName,
            CacheNodeType: like?.CacheNodeType,
            NumNodeGroups: like?.NodeGroups?.length,
            ReplicasPerNodeGroup: 0,
            // With no replica there is nothing to fail over to, but a cluster demands it.
            AutomaticFailoverEnabled: true,
            Engine: node?.Engine,
            EngineVersion: node?.EngineVersion,
            CacheParameterGroupName: node?.CacheParameterGroup?.CacheParameterGroupName,
            CacheSubnetGroupName: node?.CacheSubnetGroupName,
            SecurityGroupIds: node?.SecurityGroups?.map((each) => `${each.SecurityGroupId}`),
            UserGroupIds: like?.UserGroupIds,
            Port: like?.ConfigurationEndpoint?.Port,
            AtRestEncryptionEnabled: like?.AtRestEncryptionEnabled,
            TransitEncryptionEnabled: like?.TransitEncryptionEnabled,
            TransitEncryptionMode: like?.TransitEncryptionMode,
            KmsKeyId: like?.KmsKeyId,
            AutoMinorVersionUpgrade: false,
          }),
        )
      },
      async remove(ReplicationGroupId) {
        await elastiCache.send(new DeleteReplicationGroupCommand({ ReplicationGroupId }))
      },
    },
  ]
}
