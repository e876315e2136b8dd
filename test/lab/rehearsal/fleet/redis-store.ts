import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { HOST_ADDRESS, RUN_FOLDER, STORE_PORT } from '../names.ts'

const STOP_TIMEOUT_MS = 5_000

/** What a rehearsal needs of its store. */
export interface Store {
  /** The service's settings for it. */
  readonly environment: string[]
  start(): Promise<void>
  kill(): Promise<void>
}

/** A Redis whose acknowledged writes survive a kill, as those of the production store survive a failover. */
export class RedisStore implements Store {
  private process: Bun.Subprocess | undefined

  /** `extra` are further arguments of redis-server. */
  constructor(
    private readonly port = STORE_PORT,
    private readonly extra: string[] = [],
  ) {}

  get environment(): string[] {
    return [`REDIS_ENDPOINT=${HOST_ADDRESS}:${this.port}`]
  }

  async start(): Promise<void> {
    const folder = join(RUN_FOLDER, `store-${this.port}`)
    mkdirSync(folder, { recursive: true })
    this.process = Bun.spawn(
      [
        ...['redis-server', '--bind', HOST_ADDRESS, '--port', String(this.port)],
        ...['--protected-mode', 'no', '--dir', folder, '--save', ''],
        ...[
          '--appendonly',
          'yes',
          '--appendfsync',
          'always',
          '--logfile',
          join(folder, 'redis.log'),
        ],
        ...this.extra,
      ],
      { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
    )
    await this.answers()
  }

  /** Like a machine that loses power. */
  async kill(): Promise<void> {
    this.process?.kill('SIGKILL')
    await this.process?.exited
  }

  private async answers(): Promise<void> {
    const deadline = Date.now() + STOP_TIMEOUT_MS
    for (;;) {
      try {
        const socket = await Bun.connect({
          hostname: HOST_ADDRESS,
          port: this.port,
          socket: { data() {} },
        })
        socket.end()
        return
      } catch (error) {
        if (Date.now() > deadline) throw error
        await Bun.sleep(20)
      }
    }
  }
}
