import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Subprocess } from 'bun'
import { Redis } from 'ioredis'
import { end, eventually, freePort, temporaryFolder } from './process.ts'

/** Cluster nodes sync their files at every change of the slot map, and would block for that long on a busy disk. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : undefined

export interface RedisServer extends AsyncDisposable {
  port: number
  endpoint: string
  child: Subprocess
  folder: string
  /** The test's own connection. */
  client: Redis
  /** Starts it again on the same port, with what it had saved; `extra` is for this time. Resolves before it answers. */
  launch(extra?: string[]): Promise<void>
  /** Starts it again on the same port, with what it had saved, and waits until it answers. */
  restart(): Promise<void>
}

/** Another process may have taken a free port meanwhile, and a cluster node's second port is 10000 higher. */
const PORT_UNUSABLE = /Address already in use|port number too high/

/** Starts a server on a free port, on another one when that turns out to be taken. Throws what it logged when it exits. */
async function startOnFreePort<T>(
  log: string,
  start: (port: number) => { child: Subprocess; up: Promise<T>; abandon?: () => void },
): Promise<{ port: number; child: Subprocess; up: T }> {
  for (;;) {
    const port = freePort()
    const { child, up, abandon } = start(port)
    up.catch(() => {})
    const started = await Promise.race([up.then((value) => ({ value })), child.exited])
    if (typeof started === 'object') return { port, child, up: started.value }
    abandon?.()
    const said = readFileSync(log, 'utf8')
    if (!PORT_UNUSABLE.test(said)) throw new Error(`redis-server exited with ${started}: ${said}`)
  }
}

/** Whether it is `child` that answers, and not another server that has its port. */
async function answersAs(child: Subprocess, client: Redis): Promise<void> {
  await eventually(
    'redis-server answers',
    async () => (await client.info('server')).includes(`process_id:${child.pid}\r\n`),
    { withinMs: 60_000 },
  )
}

/** A real redis-server on loopback, or another `program`; `using` stops it. Other options are for the test's connection. */
export async function startRedis(
  extra: string[] = [],
  {
    program = 'redis-server',
    portOption = '--port',
    ...clientOptions
  }: Record<string, unknown> & Partial<Record<'program' | 'portOption', string>> = {},
): Promise<RedisServer> {
  const folder = temporaryFolder(MEMORY)
  const log = join(folder.path, 'redis.log')
  const spawn = (port: number, more: string[] = []) =>
    Bun.spawn(
      [
        program,
        ...[portOption, String(port), '--bind', '127.0.0.1', '--dir', folder.path],
        ...['--save', '', '--appendonly', 'no', '--loglevel', 'warning'],
        ...extra,
        ...more,
      ],
      { stdout: Bun.file(log), stderr: 'ignore' },
    )
  const {
    port,
    child,
    up: client,
  } = await startOnFreePort(log, (port) => {
    const client = new Redis({
      host: '127.0.0.1',
      port,
      retryStrategy: () => 50,
      maxRetriesPerRequest: null,
      ...clientOptions,
    })
    client.on('error', () => {})
    const child = spawn(port)
    const up = answersAs(child, client).then(() => client)
    return { child, up, abandon: () => client.disconnect() }
  })
  const server = {
    port,
    endpoint: `127.0.0.1:${port}`,
    child,
    folder: folder.path,
    client,
    async launch(more: string[] = []) {
      await end(server.child)
      server.child = spawn(port, more)
    },
    async restart() {
      await server.launch()
      await answersAs(server.child, client)
    },
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await end(server.child)
      folder[Symbol.dispose]()
    },
  }
  return server
}

/** Stops what was started so far when the rest of a group fails to start. */
async function allOrNone<T>(
  start: (stack: AsyncDisposableStack) => Promise<T>,
): Promise<T & AsyncDisposable> {
  await using started = new AsyncDisposableStack()
  const group = await start(started)
  const kept = started.move()
  return { ...group, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

const GROUP_START = { withinMs: 30_000, everyMs: 100 }

/** How many replicas have loaded their primary's data and told it so: until then it sends them no writes. */
async function replicasInStep(servers: RedisServer[]): Promise<number> {
  const infos = (await Promise.all(servers.map(({ client }) => client.info('replication')))).join()
  const count = (pattern: RegExp) => infos.match(pattern)?.length ?? 0
  return Math.min(count(/state=online,offset=[1-9]/g), count(/master_link_status:up/g))
}

/** For every server that may have or be a replica: a resync begins at once, and its end is noticed within a second. */
export const QUICK_REPLICATION = [
  ...['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'],
]

const CLUSTER_NODE = [
  ...['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'],
  ...QUICK_REPLICATION,
]

/**
 * Three masters with `replicas` each, as `redis-cli --cluster create` makes them, and `empty` primaries without slots,
 * which the others know.
 */
export function startCluster({
  replicas = 1,
  empty = 0,
} = {}): Promise<
  AsyncDisposable & { servers: RedisServer[]; empty: RedisServer[]; endpoint: string }
> {
  return allOrNone(async (stack) => {
    const all: RedisServer[] = []
    for (let count = 0; count < 3 + 3 * replicas + empty; count++) {
      all.push(stack.use(await startRedis(CLUSTER_NODE)))
    }
    const servers = all.slice(0, 3 + 3 * replicas)
    const others = all.slice(servers.length)
    const create = Bun.spawnSync([
      ...['redis-cli', '--cluster', 'create', ...servers.map(({ endpoint }) => endpoint)],
      ...['--cluster-replicas', String(replicas), '--cluster-yes'],
    ])
    if (create.exitCode !== 0)
      throw new Error(`redis-cli --cluster create failed: ${create.stdout}${create.stderr}`)
    for (const { client } of others) {
      for (const { port } of servers) await client.call('CLUSTER', 'MEET', '127.0.0.1', port)
    }
    await eventually(
      'all replicas of the cluster are in step, and every node knows it',
      async () => {
        const states = await Promise.all(all.map(({ client }) => client.call('CLUSTER', 'INFO')))
        const known = states.every(
          (state) =>
            String(state).includes('cluster_state:ok') &&
            String(state).includes(`cluster_known_nodes:${all.length}`),
        )
        return known && (await replicasInStep(servers)) === 3 * replicas
      },
      GROUP_START,
    )
    const masters = servers.slice(0, 3)
    return {
      servers,
      empty: others,
      endpoint: masters.map(({ endpoint }) => endpoint).join(','),
    }
  })
}

/** A primary, two replicas and three Sentinels that watch them under the name `mymaster`. */
export function startSentinelGroup(): Promise<
  AsyncDisposable & { primary: RedisServer; replicas: RedisServer[]; endpoint: string }
> {
  return allOrNone(async (stack) => {
    // For the replicas too: one becomes primary, and the other may need a full resync before it confirms a write.
    const primary = stack.use(await startRedis(QUICK_REPLICATION))
    const replicaOf = [...QUICK_REPLICATION, '--replicaof', '127.0.0.1', String(primary.port)]
    const replicas = [
      stack.use(await startRedis(replicaOf)),
      stack.use(await startRedis(replicaOf)),
    ]
    await eventually(
      'the replicas are in step',
      async () => (await replicasInStep([primary, ...replicas])) === replicas.length,
      GROUP_START,
    )
    const { path } = stack.use(temporaryFolder())
    const ports = await Promise.all(
      [1, 2, 3].map((index) => startSentinel(join(path, `${index}.conf`), primary.port, stack)),
    )
    await eventually(
      'the Sentinels know each other and the replicas',
      () =>
        ports
          .map(masterAsSeenBy)
          .every((view) => /num-slaves\n2\n[\s\S]*num-other-sentinels\n2\n/.test(view)),
      GROUP_START,
    )
    return { primary, replicas, endpoint: ports.map((port) => `127.0.0.1:${port}`).join(',') }
  })
}

/** What three Sentinels are told of a primary that they watch under the name `mymaster`. */
export const watching = (address: string, port: number): string[] => [
  `sentinel monitor mymaster ${address} ${port} 2`,
  // They ask once a second. With no more patience than that, on a busy machine, they take the primary that they have just
  // promoted for dead, and promote the other replica besides.
  'sentinel down-after-milliseconds mymaster 2500',
  // After a split vote, Sentinels try again after twice this time.
  'sentinel failover-timeout mymaster 5000',
]

/** Returns its port. */
async function startSentinel(
  file: string,
  primaryPort: number,
  stack: AsyncDisposableStack,
): Promise<number> {
  const log = `${file}.log`
  const { port, child } = await startOnFreePort(log, (port) => {
    const lines = [`port ${port}`, 'bind 127.0.0.1', ...watching('127.0.0.1', primaryPort)]
    writeFileSync(file, `${lines.join('\n')}\n`)
    const child = Bun.spawn(['redis-server', file, '--sentinel', '--loglevel', 'warning'], {
      stdout: Bun.file(log),
      stderr: 'ignore',
    })
    const up = eventually('the Sentinel answers', () => masterAsSeenBy(port) !== '', GROUP_START)
    return { child, up }
  })
  stack.defer(() => end(child))
  return port
}

function masterAsSeenBy(sentinelPort: number): string {
  const ask = ['redis-cli', '-p', String(sentinelPort), 'sentinel', 'master', 'mymaster']
  return Bun.spawnSync(ask).stdout.toString()
}
