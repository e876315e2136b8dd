import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/process.ts'
import { makeCertificate } from '../support/tls.ts'
import { type Cores, onCores, owned, run } from './cores.ts'

export interface StoreServer {
  /** What tells a contender how to reach it. */
  environment: Record<string, string>
  stop(): Promise<void>
}

const START_TIMEOUT_MS = 10_000
const PRIMARIES = 3

/** Starts our own Redis on the load's cores, in memory only. */
export async function startRedis(folder: string, cores: Cores): Promise<StoreServer> {
  const server = start(folder, cores, ['--port', String(freePort())])
  const port = server.options[1] ?? ''
  await becomes('redis-server listens', () => ask(['-p', port, 'ping'], 'PONG'), server.stop)
  return { environment: { REDIS_ENDPOINT: `127.0.0.1:${port}` }, stop: server.stop }
}

/**
 * Starts a cluster of three primaries that speaks TLS, on the load's cores, in memory only. With `replicas`, the number
 * each primary has, contenders are told to wait for that many at each write.
 */
export async function startCluster(
  folder: string,
  cores: Cores,
  replicas: number,
): Promise<StoreServer> {
  const certificate = makeCertificate()
  process.on('exit', () => certificate[Symbol.dispose]())
  const { certFile, keyFile } = certificate
  const ports = Array.from({ length: PRIMARIES * (1 + replicas) }, () => String(freePort()))
  const servers = ports.map((port) =>
    start(join(folder, port), cores, [
      ...['--port', '0', '--tls-port', port, '--tls-cluster', 'yes', '--tls-auth-clients', 'no'],
      // Without a file, a replica whose first ACK is early gets no command for a second, and each WAIT fails meanwhile.
      ...['--tls-replication', 'yes', '--repl-diskless-sync', 'no'],
      ...['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile],
      ...['--cluster-enabled', 'yes'],
    ]),
  )
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  const tls = ['--tls', '--cacert', certFile]
  const every = async (words: string[], answer: string | RegExp) =>
    (await Promise.all(ports.map((port) => ask([...tls, '-p', port, ...words], answer)))).every(
      Boolean,
    )
  await becomes('redis-server listens', () => every(['ping'], 'PONG'), stop)
  const addresses = ports.map((port) => `127.0.0.1:${port}`)
  await run([
    ...['redis-cli', ...tls, '--cluster', 'create', ...addresses, '--cluster-yes'],
    ...['--cluster-replicas', String(replicas)],
  ])
  await becomes('the cluster is up', () => every(['cluster', 'info'], 'cluster_state:ok'), stop)
  if (replicas > 0) {
    const connected = () => every(['info', 'replication'], /connected_slaves:[1-9]|link_status:up/)
    await becomes('each primary has a replica', connected, stop)
  }
  return {
    environment: {
      REDIS_ENDPOINT: addresses.join(','),
      REDIS_MODE: 'cluster',
      REDIS_TLS: 'true',
      REDIS_TLS_CA_FILE: certFile,
      REDIS_WAIT_REPLICAS: String(replicas),
    },
    stop,
  }
}

function start(folder: string, cores: Cores, options: string[]) {
  mkdirSync(folder, { recursive: true })
  const child = owned(
    Bun.spawn(
      onCores(cores.load, [
        ...['redis-server', '--bind', '127.0.0.1', '--dir', folder, ...options],
        ...['--save', '', '--appendonly', 'no', '--daemonize', 'no'],
      ]),
      { stdout: 'ignore', stderr: 'ignore' },
    ),
  )
  const stop = async () => {
    child.kill()
    await child.exited
  }
  return { options, stop }
}

/** Whether redis-cli with `words` answers something that contains, or matches, `answer`. */
function ask(words: string[], answer: string | RegExp): Promise<boolean> {
  return run(['redis-cli', ...words]).then(
    (output) => output.search(answer) >= 0,
    () => false,
  )
}

async function becomes(
  what: string,
  condition: () => Promise<boolean>,
  stop: () => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (!(await condition())) {
    if (performance.now() > deadline) {
      await stop()
      throw new Error(`not within ${START_TIMEOUT_MS} ms: ${what}`)
    }
    await Bun.sleep(20)
  }
}
