import { join } from 'node:path'
import { onCores, run } from './cores.ts'
import { cpuSeconds, idleSeconds, residentBytes } from './processor-time.ts'
import { AUTHORIZATION, BIRTHDAY } from './requests.ts'
import type { Server } from './server.ts'
import type { Setup } from './setup.ts'

export type Method = 'GET' | 'PUT'
export const METHODS: readonly Method[] = ['GET', 'PUT']

/** Connections kept open, each with one request in flight. */
export const CONNECTIONS = 64

export interface Figures {
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
  /** CPU time of the server, all its threads, in microseconds. */
  cpuMicrosPerRequest: number
  /** The share of its cores that the server used, 0 to 1. */
  serverShare: number
  /** The idle share of the server's cores, 0 to 1: more than a little means that the load could not keep up. */
  idleShare: number
  residentBytes: number
}

/** Loads `server` with one method for `seconds`. Throws when a request failed: figures with failures mean nothing. */
export async function load(
  server: Server,
  { cores, users }: Setup,
  method: Method,
  seconds: number,
): Promise<Figures> {
  const idleBefore = idleSeconds(cores.server)
  const cpuBefore = cpuSeconds(server.pids)
  const start = performance.now()
  const output = await run(
    onCores(cores.load, [
      ...['wrk', '--threads', '1', '--connections', String(CONNECTIONS)],
      ...['--duration', `${seconds}s`, '--script', join(import.meta.dir, 'figures.lua')],
      ...['--header', `Authorization: ${AUTHORIZATION}`],
      ...[server.url, '--', String(users), method, ...(method === 'PUT' ? [BIRTHDAY] : [])],
    ]),
  )
  const cpu = cpuSeconds(server.pids) - cpuBefore
  const idle = idleSeconds(cores.server) - idleBefore
  const elapsed = ((performance.now() - start) / 1000) * cores.server.length
  const wrk = JSON.parse(output.trim().split('\n').at(-1) ?? '') as WrkFigures
  if (wrk.failures > 0) {
    throw new Error(`${wrk.failures} of ${wrk.requests} ${method} requests failed:\n${output}`)
  }
  return {
    requestsPerSecond: wrk.requests / wrk.seconds,
    p50Ms: wrk.p50Ms,
    p99Ms: wrk.p99Ms,
    cpuMicrosPerRequest: (cpu / wrk.requests) * 1e6,
    serverShare: cpu / elapsed,
    idleShare: idle / elapsed,
    residentBytes: residentBytes(server.pids),
  }
}

interface WrkFigures {
  requests: number
  seconds: number
  p50Ms: number
  p99Ms: number
  failures: number
}
