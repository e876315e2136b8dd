import { freePort } from '../support/process.ts'
import { LOAD_CORE, onCore, owned } from './cores.ts'

export interface RedisServer {
  endpoint: string
  stop(): Promise<void>
}

const START_TIMEOUT_MS = 5_000

/** Starts our own Redis on the load's core, in memory only. */
export async function startRedis(folder: string): Promise<RedisServer> {
  const port = freePort()
  const child = owned(
    Bun.spawn(
      onCore(LOAD_CORE, [
        ...['redis-server', '--bind', '127.0.0.1', '--port', String(port), '--dir', folder],
        ...['--save', '', '--appendonly', 'no', '--daemonize', 'no'],
      ]),
      { stdout: 'ignore', stderr: 'ignore' },
    ),
  )
  const stop = async () => {
    child.kill()
    await child.exited
  }
  const start = performance.now()
  while (!(await listens(port))) {
    if (child.exitCode !== null || performance.now() - start > START_TIMEOUT_MS) {
      await stop()
      throw new Error(`redis-server did not start on port ${port}`)
    }
    await Bun.sleep(10)
  }
  return { endpoint: `127.0.0.1:${port}`, stop }
}

async function listens(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {} } })
    socket.end()
    return true
  } catch {
    return false
  }
}
