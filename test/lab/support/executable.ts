import { join } from 'node:path'
import type { Subprocess } from 'bun'
import { name as service } from '../../../package.json'
import { root } from '../../../scripts/lib/service.ts'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { type Ran, run } from './command.ts'
import { end, eventually, temporaryFolder } from './process.ts'

/** The architecture under test: this machine's unless scripts/test says otherwise. */
const arch = process.env.TEST_ARCH || process.arch

/** The executable that scripts/build made; scripts/test builds it before these tests. */
export const executable = join(root, `dist/${service}-linux-${arch}`)

/** How to start it: directly, or for another architecture through an emulator. */
export const command =
  arch === process.arch
    ? [executable]
    : ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu', executable]

export interface RunningService extends AsyncDisposable {
  url: string
  adminUrl: string
  child: Subprocess<'ignore', Bun.BunFile, Bun.BunFile>
  folder: string
  /** The lines logged so far. */
  log(): Promise<Record<string, unknown>[]>
  stderr(): Promise<string>
}

/** Emulated on a busy machine, a start that takes a tenth of a second takes several. */
const LISTENS_MS = 60_000

const BASE_ENV = { PATH: process.env.PATH, ADMIN_PORT: '0', DRAIN_SECONDS: '0' }

/** Starts the real executable on a free loopback port, in its own empty folder, `under` a command that runs it; resolves once it listens. */
export async function startService(
  env: Record<string, string | undefined> = {},
  { environment = 'local', port = 0, under = [] as string[] } = {},
): Promise<RunningService> {
  const folder = temporaryFolder()
  const out = join(folder.path, 'out.log')
  const err = join(folder.path, 'err.log')
  const child = Bun.spawn([...under, ...command, String(port), environment], {
    cwd: folder.path,
    env: { ...BASE_ENV, BIND_ADDRESS: '127.0.0.1', ...env },
    stdin: 'ignore',
    stdout: Bun.file(out),
    stderr: Bun.file(err),
  })
  const log = async () =>
    (await Bun.file(out).text())
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  const stderr = () => Bun.file(err).text()
  const listening = await eventually(
    'the service listens',
    async () => {
      if (child.exitCode !== null) {
        throw new Error(`the service exited with ${child.exitCode}: ${await stderr()}`)
      }
      return (await log()).find(({ event }) => event === 'listening')
    },
    { withinMs: LISTENS_MS },
  )
  return {
    url: String(listening.url).replace(/\/$/, ''),
    adminUrl: String(listening.admin).replace(/\/$/, ''),
    child,
    folder: folder.path,
    log,
    stderr,
    async [Symbol.asyncDispose]() {
      await end(child)
      folder[Symbol.dispose]()
    },
  }
}

/** Waits until /hc says ok. */
export async function healthy({ url }: { url: string }, withinMs = 25_000): Promise<void> {
  await eventually('/hc is ok', async () => (await fetch(`${url}/hc`)).ok, { withinMs })
}

/** Runs the executable to completion. */
export function runExecutable(
  args: string[],
  { env = {}, cwd = '/', stdin }: { env?: Record<string, string>; cwd?: string; stdin?: Blob } = {},
): Promise<Ran> {
  return run([...command, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    ...(stdin && { stdin }),
  })
}

/** PUTs the example of the domain, or another `body` to another `path`. */
export function save(
  url: string,
  init: RequestInit = {},
  { path, body = '' }: { path: string; body?: string } = EXAMPLE,
) {
  return fetch(url + path, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body,
    ...init,
  })
}

/** GETs the example of the domain. */
export const read = (url: string, init: RequestInit = {}) => fetch(url + EXAMPLE.path, init)
