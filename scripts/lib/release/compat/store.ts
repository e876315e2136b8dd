import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Stop } from '../../cli/errors.ts'
import { local, type StoreKind } from '../../service.ts'
import { freePort, until } from './process.ts'

/** All kinds, of which production has one. */
export const STORES = Object.keys(local.stores) as StoreKind[]

/** A store that both releases use, and how they are told of it. */
export interface SharedStore extends AsyncDisposable {
  environment: Record<string, string>
}

const START_MS = 20_000
/** A cluster has no fewer. */
const PRIMARIES = 3

/** Why this kind cannot be started here; undefined if it can. */
export const missingFor = (kind: StoreKind): string | undefined =>
  kind === 'sqlite' || (Bun.which('redis-server') && Bun.which('redis-cli'))
    ? undefined
    : 'redis-server and redis-cli are not on PATH'

/** Starts a real store in `folder`, on loopback. */
export async function startStore(kind: StoreKind, folder: string): Promise<SharedStore> {
  if (kind === 'sqlite') {
    return { environment: local.stores.sqlite(folder), async [Symbol.asyncDispose]() {} }
  }
  const ports = Array.from({ length: kind === 'cluster' ? PRIMARIES : 1 }, freePort)
  const children = ports.map((port) => {
    const data = join(folder, String(port))
    mkdirSync(data)
    return Bun.spawn(
      [
        ...['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--dir', data],
        ...['--save', '', '--appendonly', 'no'],
        ...(kind === 'cluster' ? ['--cluster-enabled', 'yes'] : []),
      ],
      { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
    )
  })
  const stop = async () => {
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(children.map((child) => child.exited))
  }
  const endpoints = ports.map((port) => `127.0.0.1:${port}`)
  try {
    await until('redis-server answers', START_MS, () => everySays(ports, ['ping'], 'PONG'))
    if (kind === 'cluster') {
      await redisCli(['--cluster', 'create', ...endpoints, '--cluster-yes'])
      const up = () => everySays(ports, ['cluster', 'info'], 'cluster_state:ok')
      await until('the cluster is up', START_MS, up)
    }
  } catch (error) {
    await stop()
    throw new Stop(`the ${kind} store did not start: ${(error as Error).message}`)
  }
  return { environment: local.stores[kind](endpoints), [Symbol.asyncDispose]: stop }
}

async function everySays(ports: number[], words: string[], answer: string): Promise<boolean> {
  const answers = await Promise.all(
    ports.map((port) => redisCli(['-p', String(port), ...words]).catch(() => '')),
  )
  return answers.every((text) => text.includes(answer))
}

async function redisCli(words: string[]): Promise<string> {
  const child = Bun.spawn(['redis-cli', ...words], { stdin: 'ignore', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`redis-cli ${words.join(' ')}: ${(err || out).trim()}`)
  return out
}
