import { join } from 'node:path'
import { watching } from '../../support/redis.ts'
import { HOST_ADDRESS, RUN_FOLDER, STORE_PORT } from '../names.ts'
import { RedisStore, type Store } from './redis-store.ts'

const REPLICAS = 2
const SENTINELS = 3
const SENTINEL_PORT = 26_379
const START_TIMEOUT_MS = 30_000

/** A primary and two replicas under Sentinels; a write is acknowledged once a replica has it. */
export class ReplicatedStore implements Store {
  private readonly primary = new RedisStore(STORE_PORT, NO_DELAY)
  private readonly ports = Array.from({ length: SENTINELS }, (_, index) => SENTINEL_PORT + index)

  get environment(): string[] {
    return [
      'REDIS_MODE=sentinel',
      `REDIS_ENDPOINT=${this.ports.map((port) => `${HOST_ADDRESS}:${port}`).join()}`,
      'REDIS_WAIT_REPLICAS=1',
    ]
  }

  async start(): Promise<void> {
    await this.primary.start()
    for (let index = 1; index <= REPLICAS; index++) {
      const follows = ['--replicaof', HOST_ADDRESS, String(STORE_PORT)]
      await new RedisStore(STORE_PORT + index, [...NO_DELAY, ...follows]).start()
    }
    await until('the replicas are in step', () =>
      /connected_slaves:2[\s\S]*slave0:.*state=online[\s\S]*slave1:.*state=online/.test(
        ask(STORE_PORT, ['info', 'replication']),
      ),
    )
    for (const port of this.ports) await startSentinel(port)
    await until('the Sentinels know each other and the replicas', () =>
      this.ports.every((port) =>
        /num-slaves\n2\n[\s\S]*num-other-sentinels\n2\n/.test(
          ask(port, ['sentinel', 'master', 'mymaster']),
        ),
      ),
    )
  }

  /** Kills the primary. A replica takes its place. */
  async kill(): Promise<void> {
    await this.primary.kill()
  }
}

/** For the replicas too: one becomes primary, and the other may need a full resync before it confirms a write. */
const NO_DELAY = ['--repl-diskless-sync-delay', '0']

async function startSentinel(port: number): Promise<void> {
  const path = join(RUN_FOLDER, `sentinel-${port}.conf`)
  const lines = [
    ...[`port ${port}`, `bind ${HOST_ADDRESS}`, 'protected-mode no'],
    ...watching(HOST_ADDRESS, STORE_PORT),
  ]
  await Bun.write(path, `${lines.join('\n')}\n`)
  Bun.spawn(['redis-server', path, '--sentinel'], {
    stdin: 'ignore',
    stdout: Bun.file(`${path}.log`),
    stderr: 'ignore',
  })
}

function ask(port: number, words: string[]): string {
  const command = ['redis-cli', '-h', HOST_ADDRESS, '-p', String(port), ...words]
  return Bun.spawnSync(command).stdout.toString().replaceAll('\r', '')
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${START_TIMEOUT_MS / 1000} s: ${what}`)
    await Bun.sleep(100)
  }
}
