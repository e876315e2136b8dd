import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { executable } from '../../lab/support/executable.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'

const missing =
  process.getuid?.() !== 0
    ? 'needs root'
    : existsSync('/lib/systemd/systemd-journald')
      ? undefined
      : 'systemd-journald is not installed'
sayWhatIsLeftOut('the log in a real journal', missing)

test.skipIf(missing !== undefined)(
  'whatever bytes callers send, each line in the journal is one readable line of JSON',
  async () => {
    using folder = temporaryFolder()
    const command = ['unshare', '--mount', 'python3', join(import.meta.dir, 'journal.py')]
    // A name of 4 kB that etcd would give: the longest text of others that is logged.
    await using etcd = startImpostor(`\x7f\x85\n😀${'x'.repeat(4000)}`)
    const child = Bun.spawn([...command, executable, '0'], {
      cwd: folder.path,
      env: {
        PATH: process.env.PATH,
        ADMIN_PORT: '0',
        BIND_ADDRESS: '127.0.0.1',
        ETCD_ENDPOINTS: etcd.endpoint,
      },
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [output, errors] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ])
    expect([await child.exited, errors]).toEqual([0, ''])
    const messages = JSON.parse(output) as unknown[]
    const events = messages.map((message) => {
      expect(message).toBeString()
      return JSON.parse(String(message)).event
    })
    expect(events.filter((event) => event === 'request').length).toBeGreaterThan(20)
    for (const event of ['listening', 'redis-endpoint-unusable', 'stopped'])
      expect(events).toContain(event)
  },
)

/** Stands in for an etcd in which every key has `value`. */
function startImpostor(value: string) {
  const kvs = [{ value: Buffer.from(value).toString('base64') }]
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () => Response.json({ kvs, ID: '7', result: { TTL: '10' } }),
  })
  return {
    endpoint: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}
