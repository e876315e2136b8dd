import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root, service } from '../../../scripts/lib/service.ts'
import { run } from './cores.ts'
import type { Sending } from './floor-store.ts'
import type { ContenderName } from './options.ts'
import { TOKENS } from './requests.ts'

export interface Contender {
  name: ContenderName
  what: string
  /** The command that serves on `port`. */
  command(port: number): string[]
  environment: Record<string, string>
  /** One process for all of the server's cores; otherwise one for each. */
  threads: boolean
}

const peers = join(root, 'test/lab/bench')

/** Makes every contender of `names` ready to run; executables of the peers go to `folder`. */
export async function prepareContenders(
  names: readonly ContenderName[],
  folder: string,
  production: boolean,
): Promise<Contender[]> {
  const all: Record<ContenderName, () => Promise<Contender>> = {
    service: async () => {
      const executable = await serviceExecutable()
      const version = await run([executable, '--version'])
      return {
        name: 'service',
        what: `${version.trim().replace(service.name, 'release')}; access log, metrics on`,
        command: (port) => [executable, String(port)],
        environment: {
          ...{ ADMIN_PORT: '0', BIND_ADDRESS: '127.0.0.1', DRAIN_SECONDS: '0' },
          ...(production && { TOKENS }),
        },
        threads: false,
      }
    },
    gin: () => goPeer('gin', 'gin with its logger and recovery, go-redis', folder),
    plain: () => goPeer('plain', 'net/http, rueidis, no log, no metrics', folder),
    floor: async () =>
      floor('floor', 'batched', 'ioredis, one pipeline per turn of the event loop'),
    single: async () => floor('single', 'single', 'ioredis, each command by itself'),
    native: async () => floor('native', 'native', "Bun's Redis client, which batches by itself"),
    'native-single': async () =>
      floor('native-single', 'native-single', "Bun's Redis client, each command by itself"),
  }
  const contenders: Contender[] = []
  for (const name of names) contenders.push(await all[name]())
  return contenders
}

async function serviceExecutable(): Promise<string> {
  const executable = join(root, `dist/${service.name}-linux-${process.arch}`)
  if (!existsSync(executable)) await run([join(root, 'scripts/build')])
  return executable
}

function floor(name: ContenderName, sending: Sending, what: string): Contender {
  return {
    name,
    what: `bare Bun.serve, ${what}; bun ${Bun.version}`,
    command: (port) => [process.execPath, join(peers, 'floor.ts'), String(port), sending],
    environment: { NODE_ENV: 'production' },
    threads: false,
  }
}

async function goPeer(name: 'gin' | 'plain', what: string, folder: string): Promise<Contender> {
  if (!Bun.which('go')) {
    throw new Error('go is not on PATH: install Go 1.26 or later from https://go.dev/dl')
  }
  const executable = join(folder, name)
  await run(['go', 'build', '-trimpath', '-o', executable, `./${name}`], { cwd: peers })
  const version = (await run(['go', 'env', 'GOVERSION'], { cwd: peers })).trim()
  return {
    name,
    what: `${what}; ${version}`,
    command: (port) => [executable, String(port)],
    environment: {},
    threads: true,
  }
}
