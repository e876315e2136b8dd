import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { eventually } from '../../support/process.ts'
import { QUICK_REPLICATION } from '../../support/redis.ts'
import { HOST_ADDRESS, here } from '../names.ts'

/** What a rehearsal needs of its store. */
export interface Store {
  /** The service's settings for it. */
  readonly environment: Record<string, string>
  start(): Promise<void>
  kill(): Promise<void>
}

/**
 * A Redis whose acknowledged writes survive a kill, as those of the production store survive a failover. It need not wait
 * for the disk: what it has written outlives it, if not the machine.
 */
export class RedisStore implements Store {
  private process: Bun.Subprocess | undefined

  /** `extra` are further arguments of redis-server. */
  constructor(
    private readonly port = 6379,
    private readonly extra = ['--appendonly', 'yes', '--appendfsync', 'no'],
  ) {}

  get endpoint(): string {
    return `${HOST_ADDRESS}:${this.port}`
  }

  get environment(): Record<string, string> {
    return { REDIS_ENDPOINT: this.endpoint }
  }

  async start(): Promise<void> {
    const folder = join(here.folder, `store-${this.port}`)
    mkdirSync(folder, { recursive: true })
    this.process = Bun.spawn(
      [
        ...['redis-server', '--bind', HOST_ADDRESS, '--port', String(this.port)],
        ...['--protected-mode', 'no', '--dir', folder, '--save', ''],
        ...['--logfile', join(folder, 'redis.log'), ...this.extra],
      ],
      { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
    )
    await eventually(`the Redis at ${this.endpoint} answers`, async () =>
      (await this.ask('ping')).startsWith('PONG'),
    )
  }

  /** Like a machine that loses power. */
  async kill(): Promise<void> {
    this.process?.kill('SIGKILL')
    await this.process?.exited
  }

  /** The answer to a command. */
  async ask(...words: string[]): Promise<string> {
    return await $`redis-cli -h ${HOST_ADDRESS} -p ${this.port} ${words}`.nothrow().quiet().text()
  }
}

const CLUSTER_NODE = [
  ...['--cluster-enabled', 'yes', '--cluster-node-timeout', '3000'],
  // The other replica of the primary that dies may need a full resync before it confirms a write.
  ...QUICK_REPLICATION,
]

/** Three primaries with a replica each, one of them with two; a write is acknowledged once a replica has it. */
export class ClusterStore implements Store {
  private readonly nodes = Array.from(
    { length: 7 },
    (_, index) => new RedisStore(7001 + index, CLUSTER_NODE),
  )

  get environment(): Record<string, string> {
    return {
      REDIS_MODE: 'cluster',
      REDIS_ENDPOINT: this.nodes.map(({ endpoint }) => endpoint).join(),
      REDIS_WAIT_REPLICAS: '1',
    }
  }

  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()))
    const endpoints = this.nodes.map(({ endpoint }) => endpoint)
    await $`redis-cli --cluster create ${endpoints} --cluster-replicas 1 --cluster-yes`.quiet()
    await eventually(
      'every node knows the cluster, and every replica is in step',
      async () => {
        const states = await this.askAll('cluster', 'info')
        const inStep = (await this.askAll('info', 'replication'))
          .join()
          .match(/state=online,offset=[1-9]/g)
        return (
          states.every(
            (state) =>
              state.includes('cluster_state:ok') && state.includes('cluster_known_nodes:7'),
          ) && inStep?.length === 4
        )
      },
      { withinMs: 30_000 },
    )
  }

  /** Kills the primary that has two replicas. One takes its place. */
  async kill(): Promise<void> {
    const roles = await this.askAll('info', 'replication')
    await this.nodes[roles.findIndex((role) => role.includes('connected_slaves:2'))]?.kill()
  }

  private async askAll(...words: string[]): Promise<string[]> {
    return await Promise.all(this.nodes.map((node) => node.ask(...words)))
  }
}
