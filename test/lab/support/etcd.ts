import type { Subprocess } from 'bun'
import { end, eventually, freePort, temporaryFolder } from './process.ts'

export interface EtcdServer extends AsyncDisposable {
  endpoint: string
  child: Subprocess
  restart(): Promise<void>
}

/** A real etcd on loopback; `using` stops it. */
export async function startEtcd(): Promise<EtcdServer> {
  const folder = temporaryFolder()
  const endpoint = `http://127.0.0.1:${freePort()}`
  const peer = `http://127.0.0.1:${freePort()}`
  const spawn = () =>
    Bun.spawn(
      [
        'etcd',
        ...['--data-dir', folder.path, '--log-level', 'error'],
        ...['--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', `default=${peer}`],
      ],
      { stdout: 'ignore', stderr: 'ignore' },
    )
  const healthy = () =>
    eventually('etcd answers', async () => (await fetch(`${endpoint}/health`)).ok)
  const server = {
    endpoint,
    child: spawn(),
    async restart() {
      await end(server.child)
      server.child = spawn()
      await healthy()
    },
    async [Symbol.asyncDispose]() {
      await end(server.child)
      folder[Symbol.dispose]()
    },
  }
  await healthy()
  return server
}
