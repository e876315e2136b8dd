import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'
import { config, name } from '../../../package.json'
import {
  bootContainer,
  type Container,
  type Network,
} from '../../../scripts/lib/image/container.ts'
import { findLocalImage, type LocalImage } from '../../../scripts/lib/image/local.ts'
import { needImagePackages } from '../../../scripts/lib/image/packages.ts'
import { root } from '../../../scripts/lib/service.ts'
import { eventually } from '../../lab/support/process.ts'

/** A bake with a new root file system takes about a minute. */
export const BAKE_TIMEOUT_MS = 300_000

/** Why no container can run here; undefined if it can. */
export const cannotBoot = await reasonNotToBoot()

async function reasonNotToBoot(): Promise<string | undefined> {
  if (process.platform !== 'linux') return `${process.platform} has no systemd-nspawn`
  if (process.getuid?.() !== 0) return 'containers need root'
  const refused = await needImagePackages(root, 'shellcheck', 'redis-server').then(
    () => undefined,
    (error: Error) => error.message,
  )
  if (refused) return refused
  const changed = await $`git -C ${root} status --porcelain`.text()
  if (changed) return 'only a commit can be baked, and there are uncommitted changes'
}

/** The image of this commit, built and baked if missing. */
export async function bakedImage(): Promise<LocalImage> {
  await $`scripts/build`.cwd(root).quiet()
  const release = (await $`git -C ${root} rev-parse HEAD`.text()).trim()
  await runBake('--local')
  const image = findLocalImage(root, release)
  if (!image) throw new Error(`no image of ${release}`)
  return image
}

export async function runBake(...options: string[]) {
  const { exitCode, stdout, stderr } = await $`scripts/bake ${options}`.cwd(root).nothrow().quiet()
  if (exitCode !== 0) throw new Error(`scripts/bake ${options.join(' ')}: ${stderr.toString()}`)
  return { stdout: stdout.toString(), stderr: stderr.toString() }
}

export interface Booted extends Container, AsyncDisposable {
  /** Runs a shell script in the container; throws when it fails. */
  sh(script: string): Promise<string>
  /** GETs from the service in the container, as `curl` on it would. */
  get(path: string): Promise<{ status: number; body: string }>
  /** One property, from `systemctl show`. */
  property(unit: string, name: string): Promise<string>
  /** Waits until everything that boot starts has started or failed. */
  settled(): Promise<void>
  /** Waits until /hc is 200; returns the milliseconds since boot. */
  healthy(withinMs?: number): Promise<number>
}

interface BootOptions {
  root: string
  /** The content of /etc/app/app.env; undefined: there is none. */
  env?: Record<string, string>
  /** More files: path in the container to content. */
  files?: Record<string, string>
  /** Writes to `root` itself. */
  persistent?: boolean
  /** The bridge to join; by default, one of its own. */
  network?: Network
  /** More files: path on the host to path in the container. */
  bind?: Record<string, string>
}

/** The environment of tests that are not about the store or tokens. */
export const ENV = { ENVIRONMENT: 'test', AUTH: 'none', DRAIN_SECONDS: '0' }

/** The unit of each worker, one per core. */
export const WORKERS = Array.from(
  { length: availableParallelism() },
  (_, core) => `app@${config.adminPort + core}`,
)

let count = 0

/** Boots `root` in a container that is gone when `await using` goes out of scope. */
export async function boot({
  root,
  env,
  files = {},
  persistent,
  network,
  bind: more = {},
}: BootOptions): Promise<Booted> {
  const folder = mkdtempSync(join(tmpdir(), `${name}-boot-`))
  const all = { ...files, ...(env && { '/etc/app/app.env': envFile(env) }) }
  const bind = { ...more }
  for (const [index, [path, content]] of Object.entries(all).entries()) {
    const source = join(folder, String(index))
    writeFileSync(source, content, { mode: 0o600 })
    bind[source] = path
  }
  const startedAt = performance.now()
  const container = await bootContainer({
    root,
    name: `t${process.pid.toString(36)}-${count++}`,
    volatile: !persistent,
    ...(network && { network }),
    bind,
    log: join(folder, 'console.log'),
  })

  const get = async (path: string) => {
    const child = container.beside([
      ...['curl', '--silent', '--max-time', '5', '--write-out', '\n%{http_code}'],
      `http://127.0.0.1:${config.port}${path}`,
    ])
    const text = await new Response(child.stdout).text()
    const at = text.lastIndexOf('\n')
    return { status: Number(text.slice(at + 1)), body: text.slice(0, at) }
  }
  return {
    ...container,
    get,
    async sh(script) {
      const { exitCode, stdout, stderr } = await container.run('bash', '-euc', script)
      if (exitCode !== 0) throw new Error(`${script}: ${stdout}${stderr}`)
      return stdout.trim()
    },
    async property(unit, name) {
      return (await container.run('systemctl', 'show', '-P', name, unit)).stdout.trim()
    },
    async settled() {
      await eventually('the system is up', async () => {
        const { stdout } = await container.run('systemctl', 'is-system-running')
        return ['running', 'degraded'].includes(stdout.trim())
      })
    },
    async healthy(withinMs = 20_000) {
      await eventually('/hc is 200', async () => (await get('/hc')).status === 200, {
        withinMs,
        everyMs: 20,
      })
      return performance.now() - startedAt
    },
    async [Symbol.asyncDispose]() {
      if (container.leader() !== undefined) await container.kill()
      rmSync(folder, { recursive: true })
    },
  }
}

export function envFile(env: Record<string, string>): string {
  return Object.entries(env)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Writes the environment file and restarts the service, as an operator would. */
export async function configure(machine: Booted, env: Record<string, string>): Promise<void> {
  const lines = Object.entries(env).map(([name, value]) => `'${name}=${value}'`)
  await machine.sh(
    `printf '%s\\n' ${lines.join(' ')} >/etc/app/app.env; systemctl restart app.target`,
  )
}
