import { join } from 'node:path'
import { canary } from '../../../scripts/lib/domain/canary.ts'
import { createToken } from '../../../src/config/tokens.ts'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { cpuSeconds, memoryOf, onOtherCores, run } from './machine.ts'

export const METHODS = ['GET', 'PUT'] as const
export type Method = (typeof METHODS)[number]

/** Connections kept open, each with one request in flight. */
export const CONNECTIONS = 64

/** How many users take turns. */
export const USERS = 1000

/** How many values a user writes in turn: SQLite does not write the one that is already there. */
const VALUES = 10

/** What the answers are compared by. */
export const PATH = EXAMPLE.path

/** Sent with every request; only the service, in production's configuration, asks for it. */
const { token, entry } = createToken('write')
export const TOKENS = entry
const AUTHORIZATION = `Bearer ${token}`

export const READ = { method: 'GET', headers: { Authorization: AUTHORIZATION } }
export const SAVE = {
  method: 'PUT',
  headers: { Authorization: AUTHORIZATION, 'Content-Type': 'application/json' },
  body: EXAMPLE.body,
}

export interface Running {
  pid: number
  url: string
}

/** What one method took under full load. */
export interface Figures {
  requestsPerSecond: number
  /** Requests without an answer of 2xx: figures with more than a few mean nothing. */
  failures: number
  p50Ms: number
  p99Ms: number
  /** CPU time of the server, all its threads, in microseconds. */
  cpuMicros: number
  /** The share of its core that the server used, 0 to 1. */
  coreShare: number
  residentBytes: number
  /** What of these are pages of the executable. */
  executableBytes: number
}

/** Loads `server` with one method for `seconds`. */
export async function load(server: Running, method: Method, seconds: number): Promise<Figures> {
  const cpuBefore = cpuSeconds(server.pid)
  const start = performance.now()
  const output = await run(
    onOtherCores([
      ...['wrk', '--threads', '1', '--connections', String(CONNECTIONS)],
      ...['--duration', `${seconds}s`, '--script', join(import.meta.dir, 'figures.lua')],
      ...['--header', `Authorization: ${AUTHORIZATION}`],
      ...[server.url, '--', method],
    ]),
    '.',
    requestsOf(method),
  )
  const cpu = cpuSeconds(server.pid) - cpuBefore
  const elapsed = (performance.now() - start) / 1000
  const wrk = JSON.parse(output.trim().split('\n').at(-1) ?? '') as WrkFigures
  const { resident, files } = memoryOf(server.pid)
  return {
    requestsPerSecond: wrk.requests / wrk.seconds,
    failures: wrk.failures,
    p50Ms: wrk.p50Ms,
    p99Ms: wrk.p99Ms,
    cpuMicros: (cpu / wrk.requests) * 1e6,
    coreShare: cpu / elapsed,
    residentBytes: resident,
    executableBytes: files,
  }
}

/** As figures.lua reads them. */
function requestsOf(method: Method): string {
  const count = method === 'PUT' ? VALUES * USERS : USERS
  const lines = Array.from({ length: count }, (_, index) => {
    const key = canary.keyOf('User', index % USERS)
    const { path, body } = canary.write(key, canary.value(Math.floor(index / USERS)))
    return method === 'PUT' ? `${path} ${body}` : path
  })
  return lines.join('\n')
}

interface WrkFigures {
  requests: number
  seconds: number
  p50Ms: number
  p99Ms: number
  failures: number
}

/**
 * Throws unless the server refuses an empty object, and returns its answer for the example that it has saved: a server that
 * does less work than it should is no comparison.
 */
export async function answerOf({ url }: Running): Promise<string> {
  const status = async (request: RequestInit) => (await fetch(url + PATH, request)).status
  const saved = await status(SAVE)
  if (saved !== 204) throw new Error(`PUT ${PATH}: got ${saved}, expected 204`)
  const refused = await status({ ...SAVE, body: '{}' })
  if (refused < 400) throw new Error(`PUT of {}: got ${refused}, expected an error`)
  return await (await fetch(url + PATH, READ)).text()
}
