import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { $ } from 'bun'
import { service } from '../../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../../support/left-out.ts'
import { eventually, temporaryFolder } from '../../support/process.ts'
import { Balancer } from './balancer.ts'
import { OWN_HEADER, TARGET_HEADER } from './configuration.ts'
import { Names } from './dns.ts'
import { RandomLag } from './lag.ts'
import type { BalancerNode } from './node.ts'

const cannot =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'the nodes get addresses of their own, which needs root on Linux'
    : Bun.which('haproxy') === null
      ? 'haproxy is missing (scripts/rehearse installs it)'
      : undefined
sayWhatIsLeftOut('the load balancer of the rehearsal', cannot)

const NODES = ['127.77.0.1', '127.77.0.2']
const [first = '', second = ''] = NODES
/** In seconds: not in this test. */
const NEVER = 3600
/** Health checks a second apart, on a busy machine. */
const CHECKED = { withinMs: 60_000 }

test('of several nodes one hears at once, one as late as possible, and the same seed repeats it', () => {
  const draw = () => Array.from({ length: 20 }, () => new RandomLag(60, 7).draw(4))
  for (const delays of draw()) {
    expect(Math.min(...delays)).toBe(0)
    expect(Math.max(...delays)).toBe(60)
  }
  expect(draw()).toEqual(draw())
})

describe.skipIf(cannot !== undefined)('a load balancer of two nodes', () => {
  const folder = temporaryFolder()
  /** How late each of the nodes hears. */
  let delays = [0, 0]
  const balancer = new Balancer({
    ...{ name: 'balancer.test', names: new Names(), addresses: NODES, device: 'lo' },
    ...{ folder: folder.path, lag: { seconds: 0, draw: () => delays }, interval: 1 },
    changed() {},
  })
  const a = new Target('127.77.1.1')

  beforeAll(async () => {
    await balancer.start()
    balancer.becomeLate()
  })
  afterAll(async () => {
    await balancer.stop()
    a.server.stop(true)
    folder[Symbol.dispose]()
  })

  const ask = (node: string, protocol: 'http1.1' | 'http2' = 'http1.1') =>
    fetch(`https://${node}/`, { protocol, tls: { ca: Bun.file(balancer.trusted) } })
  const untilHealthy = (id: string) =>
    eventually(
      `both nodes find ${id} healthy`,
      () => balancer.nodes.every((node) => node.health(id)?.state === 'healthy'),
      CHECKED,
    )

  test('answers 503 itself without a target', async () => {
    const { status, headers } = await ask(first)
    expect(status).toBe(503)
    expect(headers.get(OWN_HEADER)).toBe('503')
  })

  test('answers 502 for a target that refuses connections, once a node has heard of it', async () => {
    delays = [0, NEVER]
    void balancer.register('refusing', '127.77.1.9')
    await eventually('one node has heard', () => balancer.nodes[0]?.health('refusing'))
    expect([(await ask(first)).status, (await ask(second)).status]).toEqual([502, 503])
    delays = [0, 0]
    void balancer.remove('refusing')
    await eventually('it has heard', () => !balancer.nodes[0]?.health('refusing'))
  })

  test('answers 504 for a target that leaves connections unanswered', async () => {
    await using silent = await silence('127.77.1.8')
    await balancer.register('silent', silent.address)
    const { status, headers } = await ask(first)
    expect(status).toBe(504)
    expect(headers.get(TARGET_HEADER)).toBe('silent')
    await balancer.remove('silent')
  })

  test('answers 502, and does not try again, if the target closes an idle connection at that moment', async () => {
    await using hasty = await closesWhenReused('127.77.1.7')
    await balancer.register('hasty', hasty.address)
    await untilHealthy('hasty')
    let asked = 0
    const failed = await eventually('a connection is used again', async () => {
      asked++
      const answer = await ask(first)
      return answer.status !== 200 && answer
    })
    expect([failed.status, failed.headers.get(OWN_HEADER)]).toEqual([502, '502'])
    expect(hasty.requests).toBe(asked)
    await balancer.remove('hasty')
  }, 90_000)

  test('serves HTTP/1.1 and HTTP/2 from a healthy target through each node', async () => {
    await balancer.register('a', a.address)
    await untilHealthy('a')
    for (const node of NODES) {
      for (const protocol of ['http1.1', 'http2'] as const) {
        const { status, headers } = await ask(node, protocol)
        expect([status, headers.get(TARGET_HEADER)]).toEqual([200, 'a'])
      }
    }
  }, 90_000)

  test('sends requests to its targets when none is healthy', async () => {
    a.healthy = false
    await eventually(
      'both nodes find it unhealthy',
      () => balancer.nodes.every((node) => node.health('a')?.state === 'unhealthy'),
      CHECKED,
    )
    for (const node of NODES) expect((await ask(node)).status).toBe(200)
    a.healthy = true
    await untilHealthy('a')
  }, 150_000)

  test('uses the open connections of a deregistered target until it closes them', async () => {
    const b = new Target('127.77.1.2')
    await balancer.register('b', b.address)
    await untilHealthy('b')
    const answered = async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => ask(second)))
      return [...new Set(all.map(({ headers }) => headers.get(TARGET_HEADER)))].sort()
    }
    expect(await answered()).toEqual(['a', 'b'])
    const node = balancer.nodes[1] as BalancerNode
    await eventually('it has counted its connections', () => node.connections('a') > 0)
    await balancer.deregister('a')
    expect(await answered()).toContain('a')
    a.closing = true
    // It would use the first for ever if it opened new connections.
    await eventually('only the second answers', async () => String(await answered()) === 'b')
    a.closing = false
    expect(await answered()).toEqual(['b'])
    b.server.stop(true)
  }, 90_000)
})

/** A service as far as a load balancer sees it. */
class Target {
  healthy = true
  /** Whether it asks for its connections to be closed, as when it drains. */
  closing = false
  readonly server: Bun.Server<undefined>

  constructor(readonly address: string) {
    this.server = Bun.serve({
      ...{ hostname: address, port: service.port, idleTimeout: 75 },
      fetch: (request) => {
        const { pathname } = new URL(request.url)
        if (pathname === service.health.path) {
          return new Response('', { status: this.healthy ? 200 : 503 })
        }
        return new Response('', { headers: this.closing ? { connection: 'close' } : {} })
      },
    })
  }
}

type Peer = AsyncDisposable & { address: string }

/** An address at which nobody accepts: the queue of its listener is full. */
async function silence(address: string): Promise<Peer> {
  const script = `require('node:net').createServer().listen({ host: '${address}', port: ${service.port} }, () => console.log('listens'))`
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' })
  await child.stdout.getReader().read()
  child.kill('SIGSTOP')
  const sockets: Socket[] = []
  await eventually('its queue is full', async () => {
    for (let more = 0; more < 100; more++) {
      sockets.push(connect(service.port, address).on('error', () => {}))
    }
    const [, queued, limit] = (await $`ss -Hltn src ${address}`.text()).split(/ +/)
    return Number(queued) > Number(limit)
  })
  return {
    address,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

/** An address that answers the first request on each connection, and closes the connection when it gets a second one. */
async function closesWhenReused(address: string): Promise<Peer & { readonly requests: number }> {
  let requests = 0
  const server: Server = createServer((socket) => {
    let used = false
    socket.on('error', () => {})
    socket.on('data', (data) => {
      if (!data.includes(`GET ${service.health.path} `)) requests++
      if (used) return socket.resetAndDestroy()
      used = true
      return socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(service.port, address, resolve))
  return {
    address,
    get requests() {
      return requests
    },
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
}
