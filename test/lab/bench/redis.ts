import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, freePort } from '../support/process.ts'
import { makeCertificate } from '../support/tls.ts'
import { onOtherCores, owned, run } from './machine.ts'

/** What every contender of a run stores in. */
export interface StoreServer {
  /** What tells a contender how to reach it. */
  environment: Record<string, string>
  stop(): Promise<void>
}

const PRIMARIES = 3

/** Starts our own Redis off the contender's core, in memory only. */
export async function startRedis(folder: string): Promise<StoreServer> {
  const port = String(freePort())
  const stop = start(folder, ['--port', port])
  await eventually('redis-server listens', () => says(['-p', port, 'ping'], 'PONG'))
  return { environment: { REDIS_ENDPOINT: `127.0.0.1:${port}` }, stop }
}

/** Starts a cluster of three primaries that speaks TLS, off the contender's core, in memory only. */
export async function startCluster(folder: string): Promise<StoreServer> {
  const certificate = makeCertificate()
  process.on('exit', () => certificate[Symbol.dispose]())
  const { certFile, keyFile } = certificate
  const ports = Array.from({ length: PRIMARIES }, () => String(freePort()))
  const stops = ports.map((port) =>
    start(join(folder, port), [
      ...['--port', '0', '--tls-port', port, '--tls-cluster', 'yes', '--tls-auth-clients', 'no'],
      ...['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile],
      ...['--cluster-enabled', 'yes'],
    ]),
  )
  const tls = ['--tls', '--cacert', certFile]
  const every = async (words: string[], answer: string) =>
    (await Promise.all(ports.map((port) => says([...tls, '-p', port, ...words], answer)))).every(
      Boolean,
    )
  await eventually('redis-server listens', () => every(['ping'], 'PONG'))
  const addresses = ports.map((port) => `127.0.0.1:${port}`)
  await run(['redis-cli', ...tls, '--cluster', 'create', ...addresses, '--cluster-yes'])
  await eventually('the cluster is up', () => every(['cluster', 'info'], 'cluster_state:ok'))
  return {
    environment: {
      REDIS_ENDPOINT: addresses.join(','),
      REDIS_MODE: 'cluster',
      REDIS_TLS: 'true',
      REDIS_TLS_CA_FILE: certFile,
    },
    stop: async () => void (await Promise.all(stops.map((stop) => stop()))),
  }
}

function start(folder: string, options: string[]): () => Promise<void> {
  mkdirSync(folder, { recursive: true })
  const child = owned(
    Bun.spawn(
      onOtherCores([
        ...['redis-server', '--bind', '127.0.0.1', '--dir', folder, ...options],
        ...['--save', '', '--appendonly', 'no', '--daemonize', 'no'],
      ]),
      { stdout: 'ignore', stderr: 'ignore' },
    ),
  )
  return async () => {
    child.kill()
    await child.exited
  }
}

/** Whether redis-cli with `words` answers something that contains `answer`. */
function says(words: string[], answer: string): Promise<boolean> {
  return run(['redis-cli', ...words]).then(
    (output) => output.includes(answer),
    () => false,
  )
}
