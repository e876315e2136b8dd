import type { Socket } from 'bun'

/** A port of 127.0.0.1 that leads to another one, as a name in DNS does: a change is for new connections only. */
export function startProxy(target: number): Disposable & { port: number; target: number } {
  const upstream = new WeakMap<Socket, Promise<Socket>>()
  const listener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(client) {
        const connected = Bun.connect({
          hostname: '127.0.0.1',
          port: proxy.target,
          socket: {
            data: (_, bytes) => void client.write(bytes),
            close: () => void client.end(),
          },
        })
        connected.catch(() => client.end())
        upstream.set(client, connected)
      },
      data(client, bytes) {
        const copy = Buffer.from(bytes)
        upstream
          .get(client)
          ?.then((server) => server.write(copy))
          .catch(() => {})
      },
      close(client) {
        upstream
          .get(client)
          ?.then((server) => server.end())
          .catch(() => {})
      },
    },
  })
  const proxy = {
    port: listener.port,
    target,
    [Symbol.dispose]: () => listener.stop(true),
  }
  return proxy
}
