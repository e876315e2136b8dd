import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { assignCores, type Cores } from './cores.ts'
import type { Options } from './options.ts'
import { type StoreServer, startCluster, startRedis } from './redis-server.ts'

/** What every contender of a run is measured with. */
export interface Setup {
  /** For executables, logs and data; removed at the end. */
  folder: string
  cores: Cores
  /** How many users take turns. */
  users: number
  store: StoreServer
}

export async function startSetup(folder: string, options: Options): Promise<Setup> {
  const { workers, users, production, sqlite, waitReplicas } = options
  const cores = assignCores(workers)
  const store = sqlite
    ? sqliteStore(join(folder, 'state'))
    : await (production ? startCluster(folder, cores, waitReplicas) : startRedis(folder, cores))
  return { folder, cores, users, store }
}

/** The service opens the file itself. */
function sqliteStore(folder: string): StoreServer {
  mkdirSync(folder, { recursive: true })
  return { environment: { STATE_DIRECTORY: folder }, stop: async () => {} }
}
