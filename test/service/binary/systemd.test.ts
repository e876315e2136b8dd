import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { name } from '../../../package.json'
import { healthy, startService } from '../../lab/support/executable.ts'
import { end, eventually, temporaryFolder } from '../../lab/support/process.ts'

/** What arrives on a datagram socket at `path`, as systemd would see it. */
function listenForNotifications(path: string) {
  const script = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(${JSON.stringify(path)}.replace("@", "\\0", 1) if ${path.startsWith('@') ? 'True' : 'False'} else ${JSON.stringify(path)})
print("bound", flush=True)
while True:
    data, ancillary, _, _ = s.recvmsg(4096, 64)
    pid = int.from_bytes(ancillary[0][2][:4], "little")
    for line in data.decode().splitlines():
        print(pid, line, flush=True)
`
  const child = Bun.spawn(['python3', '-c', script], { stdout: 'pipe' })
  const lines: string[] = []
  createInterface({ input: Readable.fromWeb(child.stdout) }).on('line', (line) => lines.push(line))
  return { lines, [Symbol.asyncDispose]: () => end(child) }
}

test.each(['path', 'abstract'])(
  'the process itself sends READY, WATCHDOG and STOPPING to systemd, over a %s socket',
  async (kind) => {
    using folder = temporaryFolder()
    const path = kind === 'path' ? join(folder.path, 'notify') : `@${name}-test-${process.pid}`
    await using notifications = listenForNotifications(path)
    await eventually('the socket is there', () => notifications.lines.includes('bound'))
    await using service = await startService({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '400000' })
    await healthy(service)
    const said = (line: string) =>
      eventually(`systemd hears ${line}`, () =>
        notifications.lines.includes(`${service.child.pid} ${line}`),
      )
    await said('READY=1')
    await said('WATCHDOG=1')
    service.child.kill('SIGTERM')
    await said('STOPPING=1')
    await said('EXTEND_TIMEOUT_USEC=10000000')
    expect(await service.child.exited).toBe(0)
  },
  20_000,
)

test('a NOTIFY_SOCKET that nobody reads is said once in the log', async () => {
  await using service = await startService({ NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '20000' })
  await healthy(service)
  service.child.kill('SIGTERM')
  expect(await service.child.exited).toBe(0)
  const said = (await service.log()).filter(({ event }) => event === 'notify-failed')
  expect(said).toMatchObject([{ level: 'warn', socket: '/nowhere' }])
})

test('several processes share the port, and one that has stopped leaves it to the others', async () => {
  using state = temporaryFolder()
  const env = { STATE_DIRECTORY: state.path }
  await using first = await startService({ ...env, INSTANCE_ID: 'first' })
  const port = Number(new URL(first.url).port)
  await using second = await startService({ ...env, INSTANCE_ID: 'second' }, { port })
  await Promise.all([healthy(first), healthy(second)])
  expect(second.adminUrl).not.toBe(first.adminUrl)
  const ask = async () => {
    const response = await fetch(`${first.url}/version`, { headers: { Connection: 'close' } })
    return ((await response.json()) as { instance: string }).instance
  }
  const both = await Promise.all(Array.from({ length: 60 }, ask))
  expect(new Set(both)).toEqual(new Set(['first', 'second']))

  first.child.kill('SIGTERM')
  await first.child.exited
  const rest = await Promise.all(Array.from({ length: 60 }, ask))
  expect(new Set(rest)).toEqual(new Set(['second']))
}, 60_000)

test('several processes that create the store at once all start', async () => {
  for (let round = 0; round < 5; round++) {
    using state = temporaryFolder()
    await using stack = new AsyncDisposableStack()
    const env = { STATE_DIRECTORY: state.path }
    const services = await Promise.all([1, 2, 3, 4].map(() => startService(env)))
    for (const service of services) stack.use(service)
    await Promise.all(services.map((service) => healthy(service)))
  }
}, 60_000)
