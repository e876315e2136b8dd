import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { service } from '../../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../../support/left-out.ts'
import { eventually, temporaryFolder } from '../../support/process.ts'
import { Balancer } from './balancer.ts'
import { OWN_HEADER, RULES, TARGET_HEADER } from './configuration.ts'
import { Names } from './dns.ts'
import { RandomLag, worstLag } from './lag.ts'
import type { BalancerNode } from './node.ts'

const cannot =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'the nodes get addresses of their own, which needs root on Linux'
    : Bun.which('haproxy') === null
      ? 'haproxy is missing (scripts/rehearse installs it)'
      : undefined
sayWhatIsLeftOut('the load balancer of the rehearsal', cannot)

const LAG = 2
const INTERVAL = 1
/** Of Bun's listeners. */
const LISTEN_QUEUE = 512
const NODES = ['127.77.0.1', '127.77.0.2']
const SPARE = '127.77.0.3'
const CHECKED_MS = (INTERVAL * (RULES.unhealthy + 1) + LAG + 8) * 1000

test('of several nodes one hears at once, one as late as possible, and the same seed repeats it', () => {
  const draw = () => Array.from({ length: 20 }, () => new RandomLag(60, 7).draw(4))
  for (const delays of draw()) {
    expect(Math.min(...delays)).toBe(0)
    expect(Math.max(...delays)).toBe(60)
  }
  expect(draw()).toEqual(draw())
})

test('the worst lag makes the same node late each time', () => {
  expect([1, 2].map(() => worstLag(60).draw(3))).toEqual([
    [0, 0, 60],
    [0, 0, 60],
  ])
})

describe.skipIf(cannot !== undefined)('a load balancer of two nodes', () => {
  const folder = temporaryFolder()
  const balancer = new Balancer({
    name: 'balancer.test',
    names: new Names(),
    addresses: NODES,
    spare: SPARE,
    device: 'lo',
    folder: folder.path,
    lag: new RandomLag(LAG, 1),
    interval: INTERVAL,
    changed() {},
  })
  const [first, second] = NODES as [string, string]
  const targets = new Map<string, Target>()

  beforeAll(async () => {
    await balancer.start()
    balancer.becomeLate()
  })
  afterAll(async () => {
    await balancer.stop()
    for (const target of targets.values()) target.server.stop(true)
    folder[Symbol.dispose]()
  })

  const ask = (node: string, protocol: 'http1.1' | 'http2' = 'http1.1') =>
    fetch(`https://${node}/`, { protocol, tls: { ca: Bun.file(balancer.trusted) } })
  const target = (id: string, address: string) => {
    const made = new Target(address)
    targets.set(id, made)
    return made
  }
  const nodeAt = (address: string) =>
    balancer.nodes.find((node) => node.address === address) as BalancerNode
  const heard = (id: string) => balancer.nodes.filter((node) => node.health(id) !== undefined)

  test('answers 503 itself without a target', async () => {
    const { status, headers } = await ask(first)
    expect(status).toBe(503)
    expect(headers.get(OWN_HEADER)).toBe('503')
  })

  test('answers 502 for a target that refuses connections, once a node has heard of it', async () => {
    await balancer.register('refusing', '127.77.1.9')
    await eventually('one node has heard', () => heard('refusing').length === 1)
    const since = performance.now()
    const [early] = heard('refusing') as [BalancerNode]
    const late = balancer.nodes.find((node) => node !== early) as BalancerNode
    expect((await ask(early.address)).status).toBe(502)
    expect((await ask(late.address)).status).toBe(503)
    await eventually('the other has heard', () => heard('refusing').length === 2)
    expect(Math.abs(performance.now() - since - LAG * 1000)).toBeLessThan(1000)
    await balancer.remove('refusing')
    await eventually('both have heard', () => heard('refusing').length === 0)
  })

  test('answers 504 for a target that leaves connections unanswered', async () => {
    await using silent = await silence('127.77.1.8')
    await balancer.register('silent', silent.address)
    await eventually('both nodes have heard', () => heard('silent').length === 2)
    const { status, headers } = await ask(first)
    expect(status).toBe(504)
    expect(headers.get(TARGET_HEADER)).toBe('silent')
    await balancer.remove('silent')
    await eventually('both have heard', () => heard('silent').length === 0)
  }, 40_000)

  test('serves HTTP/1.1 and HTTP/2 from a healthy target through each node', async () => {
    target('a', '127.77.1.1')
    await balancer.register('a', '127.77.1.1')
    await eventually(
      'both nodes find it healthy',
      () => balancer.nodes.every((node) => node.health('a')?.state === 'healthy'),
      { withinMs: CHECKED_MS },
    )
    for (const node of NODES) {
      for (const protocol of ['http1.1', 'http2'] as const) {
        const { status, headers } = await ask(node, protocol)
        expect([status, headers.get(TARGET_HEADER)]).toEqual([200, 'a'])
      }
    }
  }, 40_000)

  test('sends requests to its targets when none is healthy', async () => {
    const a = targets.get('a') as Target
    a.healthy = false
    await eventually(
      'both nodes find it unhealthy',
      () => balancer.nodes.every((node) => node.health('a')?.state === 'unhealthy'),
      { withinMs: CHECKED_MS },
    )
    for (const node of NODES) expect((await ask(node)).status).toBe(200)
    a.healthy = true
    await eventually(
      'both nodes find it healthy again',
      () => balancer.nodes.every((node) => node.health('a')?.state === 'healthy'),
      { withinMs: CHECKED_MS },
    )
  }, 60_000)

  test('uses the open connections of a deregistered target until it closes them', async () => {
    const a = targets.get('a') as Target
    target('b', '127.77.1.2')
    await balancer.register('b', '127.77.1.2')
    await eventually(
      'both nodes find the second healthy',
      () => balancer.nodes.every((node) => node.health('b')?.state === 'healthy'),
      { withinMs: CHECKED_MS },
    )
    const answered = async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => ask(second)))
      return new Set(all.map(({ headers }) => headers.get(TARGET_HEADER)))
    }
    expect((await answered()).size).toBe(2)
    await balancer.deregister('a')
    await Bun.sleep((LAG + 1) * 1000)
    const { connections } = a
    expect([...(await answered())]).toContain('a')
    expect(a.connections).toBe(connections)
    a.closing = true
    const node = nodeAt(second)
    await eventually('no connection is left', async () => {
      await answered()
      return node.connections('a') === 0
    })
    a.closing = false
    expect([...(await answered())]).toEqual(['b'])
  }, 60_000)

  test('takes a node out of DNS, lets its clients finish and goes on without it', async () => {
    const { length } = balancer.nodes
    await balancer.removeNode(nodeAt(first), 'leave')
    expect(balancer.nodes.length).toBe(length - 1)
    expect((await ask(second)).status).toBe(200)
    await expect(ask(first)).rejects.toThrow()
  }, 40_000)

  test('a node that comes later has a certificate for its address, and knows the targets', async () => {
    const coming = await balancer.addNode(SPARE)
    await eventually('it finds the target healthy', () => coming.health('b')?.state === 'healthy', {
      withinMs: CHECKED_MS,
    })
    const { status, headers } = await ask(SPARE)
    expect([status, headers.get(TARGET_HEADER)]).toEqual([200, 'b'])
  }, 40_000)
})

/** A service as far as a load balancer sees it. */
class Target {
  healthy = true
  /** Whether it asks for its connections to be closed, as when it drains. */
  closing = false
  readonly server: Bun.Server<undefined>
  private readonly peers = new Set<string>()

  constructor(hostname: string) {
    this.server = Bun.serve({
      hostname,
      port: service.port,
      idleTimeout: 75,
      fetch: (request, server) => {
        const { pathname } = new URL(request.url)
        if (pathname === service.health.path) {
          return new Response('', { status: this.healthy ? 200 : 503 })
        }
        this.peers.add(String(server.requestIP(request)?.port))
        return new Response('', { headers: this.closing ? { connection: 'close' } : {} })
      },
    })
  }

  /** How many connections have had a request other than a health check. */
  get connections(): number {
    return this.peers.size
  }
}

/** An address at which nobody accepts: the queue of its listener is full. */
async function silence(hostname: string): Promise<AsyncDisposable & { address: string }> {
  const script = `require('node:net').createServer().listen({ host: '${hostname}', port: ${service.port} }, () => console.log('listens'))`
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' })
  await child.stdout.getReader().read()
  child.kill('SIGSTOP')
  const sockets = Array.from({ length: LISTEN_QUEUE + 50 }, () => connect(service.port, hostname))
  for (const socket of sockets) socket.on('error', () => {})
  await Bun.sleep(500)
  return {
    address: hostname,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      child.kill('SIGKILL')
      await child.exited
    },
  }
}
