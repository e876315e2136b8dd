import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root, service } from '../../../scripts/lib/service.ts'
import { TOKENS } from './load.ts'
import { run } from './machine.ts'

/** What the service is compared with does the same in another way, so it belongs to the domain. */
const peers = join(root, 'test/service/domain/peers')

const NAMES = ['service', 'gin', 'rueidis', 'limit', 'alone'] as const
export type ContenderName = (typeof NAMES)[number]

/** Without peers, the service alone. */
export const CONTENDERS: readonly ContenderName[] = existsSync(peers) ? NAMES : ['service']

export interface Contender {
  name: ContenderName
  what: string
  /** The command that serves on `port`. */
  command(port: number): string[]
  environment: Record<string, string>
}

/** Makes every contender of `names` ready to run; executables of the peers go to `folder`. */
export async function prepareContenders(
  names: readonly ContenderName[],
  folder: string,
  production: boolean,
): Promise<Contender[]> {
  const all: Record<ContenderName, () => Promise<Contender>> = {
    service: async () => {
      const executable = join(root, `dist/${service.name}-linux-${process.arch}`)
      if (!existsSync(executable)) await run([join(root, 'scripts/build')])
      const version = await run([executable, '--version'])
      return {
        name: 'service',
        what: `${version.trim().replace(service.name, 'release')}; access log, metrics on`,
        command: (port) => [executable, String(port)],
        environment: {
          ...{ ADMIN_PORT: '0', BIND_ADDRESS: '127.0.0.1', DRAIN_SECONDS: '0' },
          ...(production && { TOKENS }),
        },
      }
    },
    gin: () => goPeer('gin', 'gin with its logger and recovery, go-redis', folder),
    rueidis: () => goPeer('rueidis', 'net/http, rueidis, no log, no metrics', folder),
    limit: async () => bare('limit', 'the same bytes, headers and keys, nothing else'),
    alone: async () => bare('alone', 'the same bytes without a store'),
  }
  const contenders: Contender[] = []
  for (const name of names) contenders.push(await all[name]())
  return contenders
}

function bare(name: ContenderName, what: string): Contender {
  return {
    name,
    what: `bare Bun.serve, ${what}; bun ${Bun.version}`,
    command: (port) => [process.execPath, join(peers, 'limit.ts'), String(port), name],
    environment: { NODE_ENV: 'production' },
  }
}

async function goPeer(name: 'gin' | 'rueidis', what: string, folder: string): Promise<Contender> {
  if (!Bun.which('go')) {
    throw new Error('go is not on PATH: install Go 1.26 or later from https://go.dev/dl')
  }
  const executable = join(folder, name)
  await run(['go', 'build', '-trimpath', '-o', executable, `./${name}`], peers)
  return {
    name,
    what: `${what}; ${(await run(['go', 'env', 'GOVERSION'], peers)).trim()}`,
    command: (port) => [executable, String(port)],
    environment: { GOMAXPROCS: '1' },
  }
}
