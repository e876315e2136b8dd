import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Subprocess } from 'bun'
import { Redis } from 'ioredis'
import { end, eventually, freePort, temporaryFolder } from './process.ts'

export interface RedisServer extends AsyncDisposable {
  port: number
  endpoint: string
  child: Subprocess
  folder: string
  /** A connection of the test's own. */
  client: Redis
  /** Starts it again on the same port, with what it had saved. */
  restart(): Promise<void>
}

/** A real redis-server on loopback; `using` ends it. */
export async function startRedis(
  extra: string[] = [],
  clientOptions: object = {},
  portOption = '--port',
): Promise<RedisServer> {
  const folder = temporaryFolder()
  const port = freePort()
  const client = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
    ...clientOptions,
  })
  client.on('error', () => {})
  const spawn = () =>
    Bun.spawn(
      [
        'redis-server',
        ...[portOption, String(port), '--bind', '127.0.0.1', '--dir', folder.path],
        ...['--save', '', '--appendonly', 'no', '--loglevel', 'warning'],
        ...extra,
      ],
      { stdout: Bun.file(join(folder.path, 'redis.log')), stderr: 'inherit' },
    )
  const server = {
    port,
    endpoint: `127.0.0.1:${port}`,
    child: spawn(),
    folder: folder.path,
    client,
    async restart() {
      await end(server.child)
      server.child = spawn()
      await client.ping()
    },
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await end(server.child)
      folder[Symbol.dispose]()
    },
  }
  await client.connect().catch(() => {})
  await client.ping()
  return server
}

/** Three masters with `replicas` each, as `redis-cli --cluster create` makes them. */
export async function startCluster({
  replicas = 1,
} = {}): Promise<AsyncDisposable & { servers: RedisServer[]; endpoint: string }> {
  const servers = await Promise.all(
    Array.from({ length: 3 + 3 * replicas }, () =>
      startRedis([
        '--cluster-enabled',
        'yes',
        '--cluster-node-timeout',
        '2000',
        '--repl-diskless-sync-delay',
        '0',
      ]),
    ),
  )
  const create = Bun.spawnSync([
    ...['redis-cli', '--cluster', 'create', ...servers.map(({ endpoint }) => endpoint)],
    ...['--cluster-replicas', String(replicas), '--cluster-yes'],
  ])
  if (create.exitCode !== 0) throw new Error(`no cluster: ${create.stdout}${create.stderr}`)
  const first = servers[0] as RedisServer
  await eventually(
    'all replicas of the cluster are in step',
    async () => {
      const infos = await Promise.all(servers.map(({ client }) => client.info('replication')))
      const links = infos.join().match(/state=online/g) ?? []
      const state = await first.client.call('CLUSTER', 'INFO')
      return links.length === 3 * replicas && String(state).includes('cluster_state:ok')
    },
    { withinMs: 30_000, everyMs: 100 },
  )
  return {
    servers,
    endpoint: servers
      .slice(0, 3)
      .map(({ endpoint }) => endpoint)
      .join(','),
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
    },
  }
}

/** A primary, two replicas and three Sentinels that watch them under the name `mymaster`. */
export async function startSentinelGroup(): Promise<
  AsyncDisposable & { primary: RedisServer; endpoint: string }
> {
  const primary = await startRedis(['--repl-diskless-sync-delay', '0'])
  const replicas = await Promise.all(
    [1, 2].map(() => startRedis(['--replicaof', '127.0.0.1', String(primary.port)])),
  )
  await eventually(
    'the replicas are in step',
    async () =>
      (await primary.client.info('replication')).match(/state=online/g)?.length === replicas.length,
  )
  const folder = temporaryFolder()
  const sentinels = Array.from({ length: 3 }, (_, index) => {
    const port = freePort()
    const file = join(folder.path, `sentinel-${index}.conf`)
    writeFileSync(
      file,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${folder.path}`,
        `sentinel monitor mymaster 127.0.0.1 ${primary.port} 2`,
        'sentinel down-after-milliseconds mymaster 1000',
        'sentinel failover-timeout mymaster 4000',
        '',
      ].join('\n'),
    )
    const child = Bun.spawn(['redis-server', file, '--sentinel', '--loglevel', 'warning'], {
      stdout: Bun.file(join(folder.path, `sentinel-${index}.log`)),
    })
    return { port, child }
  })
  await eventually('the Sentinels know each other and the replicas', async () => {
    const views = sentinels.map(({ port }) =>
      Bun.spawnSync([
        'redis-cli',
        '-p',
        String(port),
        'sentinel',
        'master',
        'mymaster',
      ]).stdout.toString(),
    )
    return views.every(
      (view) => /num-slaves\n2\n/.test(view) && /num-other-sentinels\n2\n/.test(view),
    )
  })
  return {
    primary,
    endpoint: sentinels.map(({ port }) => `127.0.0.1:${port}`).join(','),
    async [Symbol.asyncDispose]() {
      await Promise.all(sentinels.map(({ child }) => end(child)))
      await primary[Symbol.asyncDispose]()
      await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()))
      folder[Symbol.dispose]()
    },
  }
}
