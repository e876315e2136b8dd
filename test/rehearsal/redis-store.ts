import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { HOST_ADDRESS, RUN_FOLDER, STORE_PORT } from './names.ts'

const STOP_TIMEOUT_MS = 5_000

/** A Redis whose acknowledged writes survive a kill, as those of the production store survive a failover. */
export class RedisStore {
  private process: Bun.Subprocess | undefined

  async start(): Promise<void> {
    const folder = join(RUN_FOLDER, 'store')
    mkdirSync(folder, { recursive: true })
    this.process = Bun.spawn(
      [
        ...['redis-server', '--bind', HOST_ADDRESS, '--port', String(STORE_PORT)],
        ...['--protected-mode', 'no', '--dir', folder, '--save', ''],
        ...[
          '--appendonly',
          'yes',
          '--appendfsync',
          'always',
          '--logfile',
          join(folder, 'redis.log'),
        ],
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
          port: STORE_PORT,
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
