import { join } from 'node:path'
import { onCores, run } from './cores.ts'
import type { ContenderName } from './options.ts'
import { AUTHORIZATION, BIRTHDAY } from './requests.ts'
import type { Server } from './server.ts'
import type { Setup } from './setup.ts'
import { CONNECTIONS, type Method } from './wrk.ts'

/** Latency at a fixed rate, whatever the answers take, each request measured from when it was due. */
export interface Latency {
  contender: ContenderName
  method: Method
  /** Of the most that the contender can do, 0 to 1. */
  share: number
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
  p999Ms: number
  /** How late the load itself was, which is part of the latencies. */
  lagP99Ms: number
}

/** The shares of a contender's maximum at which its latency is measured. */
export const SHARES = [0.25, 0.5, 0.75]

/** Compiles the load into `folder`. */
export async function buildFixedRate(folder: string): Promise<void> {
  await run(['go', 'build', '-trimpath', '-o', join(folder, 'fixedrate'), './fixedrate'], {
    cwd: import.meta.dir,
  })
}

/** Saves the birthday of every user. */
export async function saveUsers(server: Server, setup: Setup): Promise<void> {
  await send(server, setup, 'PUT', ['-count', String(setup.users)])
}

export async function measureLatency(
  contender: ContenderName,
  server: Server,
  setup: Setup,
  {
    method,
    share,
    rate,
    seconds,
  }: { method: Method; share: number; rate: number; seconds: number },
): Promise<Latency> {
  const count = Math.ceil(rate * seconds)
  const words = ['-rate', rate.toFixed(0), '-count', String(count)]
  const sent = await send(server, setup, method, words)
  const { p50Ms, p99Ms, p999Ms, lagP99Ms } = sent
  const requestsPerSecond = sent.requests / sent.seconds
  return { contender, method, share, requestsPerSecond, p50Ms, p99Ms, p999Ms, lagP99Ms }
}

/** Throws when a request failed. */
async function send(
  server: Server,
  { folder, cores, users }: Setup,
  method: Method,
  words: string[],
): Promise<Sent> {
  const output = await run(
    onCores(cores.load, [
      ...[join(folder, 'fixedrate'), '-address', new URL(server.url).host, '-method', method],
      ...['-authorization', AUTHORIZATION, '-connections', String(CONNECTIONS)],
      ...['-users', String(users), ...(method === 'PUT' ? ['-body', BIRTHDAY] : []), ...words],
    ]),
    // The clock blocks a thread, and must not hold up the others.
    { env: { GOMAXPROCS: String(cores.load.length + 1) } },
  )
  const sent = JSON.parse(output) as Sent
  if (sent.failures === 0) return sent
  throw new Error(`${sent.failures} of ${sent.requests} ${method} requests failed: ${sent.failure}`)
}

interface Sent {
  requests: number
  seconds: number
  failures: number
  /** Of the last that failed. */
  failure: string
  p50Ms: number
  p99Ms: number
  p999Ms: number
  lagP99Ms: number
}
