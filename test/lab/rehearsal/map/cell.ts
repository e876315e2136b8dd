import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { service } from '../../../../scripts/lib/service.ts'
import { Balancer } from '../balancer/balancer.ts'
import { RULES } from '../balancer/configuration.ts'
import type { Names } from '../balancer/dns.ts'
import { worstLag } from '../balancer/lag.ts'
import { Load, requestsOf } from '../load/process.ts'
import { BRIDGE, here } from '../names.ts'

/** As systemd/app@.service has it. */
const RESTART_MS = 500
const BEFORE_MS = 5_000
const HEALTHY_TIMEOUT_MS = 60_000

/** What one combination of times came to. */
export interface Cell {
  /** How late the last node heard, in seconds. */
  lag: number
  /** How long a stopping instance kept serving, in seconds. */
  drain: number
  requests: number
  /** Failed requests that had been sent to the instance that was deregistered and then stopped. */
  deregistered: number
  /** Those that had been sent to the instance that was restarted without deregistration. */
  restarted: number
  /** All others. */
  other: number
  /** Users whose last acknowledged write was missing at the end. */
  lost: number
}

export interface CellOptions {
  /** From 1 to 200: its addresses, ports and users follow from it. */
  number: number
  lag: number
  drain: number
  /** Requests per second. */
  rate: number
  /** How long there is load, in milliseconds. */
  loadMs: number
  executable: string
  /** The service's settings for its store. */
  store: Record<string, string>
  names: Names
}

/** The workers of a cell: the executable as plain processes. */
class Worker {
  private process: Bun.Subprocess | undefined

  constructor(
    readonly id: string,
    readonly address: string,
    private readonly adminPort: number,
    private readonly options: CellOptions,
  ) {}

  start(): void {
    const log = Bun.file(join(here.folder, `${this.id}.log`))
    this.process = Bun.spawn([this.options.executable, String(service.port), 'rehearsal'], {
      stdin: 'ignore',
      stdout: log,
      stderr: log,
      env: {
        BIND_ADDRESS: this.address,
        ADMIN_PORT: String(this.adminPort),
        AUTH: 'none',
        DRAIN_SECONDS: String(this.options.drain),
        INSTANCE_ID: this.id,
        LOG_LEVEL: 'warn',
        ...this.options.store,
      },
    })
  }

  /** As systemd stops it; resolves when it has exited. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.process?.kill(signal)
    await this.process?.exited
  }
}

/**
 * Three workers behind a load balancer of two nodes, one of which hears of everything at once and one as late as possible.
 * Under load, one worker is deregistered and stopped as a group does it, and another is restarted in place.
 */
export async function playCell(options: CellOptions): Promise<Cell> {
  const { number, lag, drain, rate, loadMs, names } = options
  const subnet = `10.0.${number}`
  const folder = join(here.folder, `cell-${number}`)
  mkdirSync(folder, { recursive: true })
  const name = `cell-${number}.test`
  const balancer = new Balancer({
    ...{ name, names, folder, device: BRIDGE, lag: worstLag(lag) },
    addresses: [`${subnet}.2`, `${subnet}.3`],
    changed() {},
  })
  const workers = [0, 1, 2].map((index) => {
    const address = `${subnet}.${11 + index}`
    return new Worker(`cell-${number}-${index}`, address, 20_000 + 10 * number + index, options)
  })
  const [leaving, restarting] = workers as [Worker, Worker, Worker]
  await balancer.start()
  for (const worker of workers) {
    await $`ip address add ${worker.address}/32 dev ${BRIDGE}`.quiet()
    worker.start()
    void balancer.register(worker.id, worker.address)
  }
  const deadline = Date.now() + HEALTHY_TIMEOUT_MS
  while (!balancer.isSettled) {
    if (Date.now() > deadline) throw new Error(`the workers of cell ${number} did not serve`)
    await Bun.sleep(100)
  }
  balancer.becomeLate()

  const load = new Load(
    {
      ...{ url: `https://${name}`, token: '', rate, clients: 0 },
      history: join(folder, 'history.jsonl'),
      // Ends in a letter that no number has, or the users of cell 1 would be some of those of cell 10.
      users: `Cell${letters(number)}x`,
    },
    balancer.trusted,
  )
  const endAt = Date.now() + loadMs
  await Bun.sleep(BEFORE_MS)
  await Promise.all([leave(leaving, balancer), restartInPlace(restarting)])
  await Bun.sleep(Math.max(0, endAt - Date.now()))
  // What is read back afterwards is no load.
  const seconds = [...load.seconds]
  const { lost } = await load.stop()
  await Promise.all(workers.map((worker) => worker.stop('SIGKILL')))
  await balancer.stop()

  const failed = seconds.flatMap((second) => second.failed)
  const of = (id: string) => failed.filter(({ instance }) => instance === id).length
  const [deregistered, restarted] = [of(leaving.id), of(restarting.id)]
  return {
    ...{ lag, drain, deregistered, restarted },
    requests: seconds.reduce((total, second) => total + requestsOf(second), 0),
    other: failed.length - deregistered - restarted,
    lost: lost.length,
  }
}

async function leave(worker: Worker, balancer: Balancer): Promise<void> {
  void balancer.deregister(worker.id)
  const until = Date.now() + RULES.deregistration * 1000
  while (Date.now() < until && balancer.connections(worker.id) > 0) await Bun.sleep(50)
  await worker.stop()
  void balancer.remove(worker.id)
}

async function restartInPlace(worker: Worker): Promise<void> {
  await worker.stop()
  await Bun.sleep(RESTART_MS)
  worker.start()
}

const letters = (number: number): string =>
  [...String(number)].map((digit) => String.fromCharCode(97 + Number(digit))).join('')
