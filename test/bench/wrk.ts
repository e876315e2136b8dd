import { join } from 'node:path'
import { LOAD_CORE, onCore, run, SERVER_CORE } from './cores.ts'
import { cpuSeconds, idleSeconds, residentBytes } from './processor-time.ts'
import { AUTHORIZATION, BIRTHDAY } from './requests.ts'
import type { Server } from './server.ts'

export type Method = 'GET' | 'PUT'
export const METHODS: readonly Method[] = ['GET', 'PUT']

const LETTERS = [...'abcdefghij']

/** Whose birthdays are read and written in turn: enough for the keys to be on every primary of a cluster. */
export const USERS = LETTERS.flatMap((one) =>
  LETTERS.flatMap((two) => LETTERS.map((three) => `User${one}${two}${three}`)),
)

/** Connections kept open, each with one request in flight. */
export const CONNECTIONS = 64

export interface Figures {
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
  /** CPU time of the server, all its threads, in microseconds. */
  cpuMicrosPerRequest: number
  /** The share of its core that the server used, 0 to 1. */
  serverShare: number
  /** The idle share of the server's core, 0 to 1: more than a little means that the load could not keep up. */
  idleShare: number
  residentBytes: number
}

/** Loads `server` with one method for `seconds`. Throws when a request failed: figures with failures mean nothing. */
export async function load(server: Server, method: Method, seconds: number): Promise<Figures> {
  const idleBefore = idleSeconds(SERVER_CORE)
  const cpuBefore = cpuSeconds(server.pid)
  const start = performance.now()
  const output = await run(
    onCore(LOAD_CORE, [
      ...['wrk', '--threads', '1', '--connections', String(CONNECTIONS)],
      ...['--duration', `${seconds}s`, '--script', join(import.meta.dir, 'figures.lua')],
      ...['--header', `Authorization: ${AUTHORIZATION}`],
      ...[server.url, '--', USERS.join(), method, ...(method === 'PUT' ? [BIRTHDAY] : [])],
    ]),
  )
  const cpu = cpuSeconds(server.pid) - cpuBefore
  const idle = idleSeconds(SERVER_CORE) - idleBefore
  const elapsed = (performance.now() - start) / 1000
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
    residentBytes: residentBytes(server.pid),
  }
}

interface WrkFigures {
  requests: number
  seconds: number
  p50Ms: number
  p99Ms: number
  failures: number
}
