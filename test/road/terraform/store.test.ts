import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, service } from '../../../scripts/lib/service.ts'
import { createRedisStore } from '../../../src/store/redis.ts'
import { connectRedis, reportConnections } from '../../../src/store/redis-client.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { eventually } from '../../lab/support/process.ts'
import { startCluster } from '../../lab/support/redis.ts'

setDefaultTimeout(120_000)

const text = readFileSync(join(root, 'terraform/store.tf'), 'utf8')
// Redis before 7.2 lacks CLIENT SETINFO, which the engines in AWS have.
const rules = /store_access = "(.*)"/
  .exec(text)?.[1]
  ?.replace(/\$\{local\.service\}/, service.name)
  .replace(' +client|setinfo', '') as string
const redis = Bun.which('redis-server')
sayWhatIsLeftOut(
  'the permissions of the store user',
  redis ? undefined : 'redis-server is not installed',
)

describe.skipIf(!redis)('the permissions of the store user', () => {
  test('suffice for everything the service does in a cluster, and allow no administrative command', async () => {
    await using cluster = await startCluster()
    for (const { client } of cluster.servers) {
      await client.call('ACL', 'SETUSER', 'app', ...rules.split(' '), '>secret')
    }
    const { log } = createLog('silent', {})
    for (const waitReplicas of [0, 1]) {
      const client = connectRedis(
        {
          mode: 'cluster',
          endpoints: cluster.servers.slice(0, 3).map(({ port }) => ({ host: '127.0.0.1', port })),
          sentinelMaster: '',
          tls: false,
          username: 'app',
          password: 'secret',
          waitReplicas,
          commandTimeoutMs: 500,
        },
        reportConnections(log),
      )
      const store = createRedisStore(client)
      const key = `${service.name}:v1:key`
      await eventually('the cluster is reached', async () => {
        await store.set(key, 'value')
        return true
      })
      expect(await store.get(key)).toBe('value')
      expect(await store.delete(key)).toBe(true)
      await store.ping()
      await store.close()
    }

    const [{ client } = { client: undefined }] = cluster.servers
    const may = async (...command: string[]) =>
      String(await client?.call('ACL', 'DRYRUN', 'app', ...command))
    expect(await may('GET', `${service.name}:v1:abc`)).toBe('OK')
    // To follow a slot that is on its way to another primary.
    expect(await may('ASKING')).toBe('OK')
    expect(await may('GET', 'other')).toContain('no permissions to access')
    for (const command of [['FLUSHALL'], ['KEYS', '*'], ['CONFIG', 'GET', '*'], ['ACL', 'LIST']]) {
      expect(await may(...command)).toContain('no permissions to run')
    }
  })
})
