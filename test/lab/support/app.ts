import { expect } from 'bun:test'
import { name } from '../../../package.json'
import { createApp } from '../../../src/app.ts'
import type { TlsConfig } from '../../../src/config/config.ts'
import type { TokenHash } from '../../../src/config/tokens.ts'
import { storeIn } from '../../../src/domain/store.ts'
import type { Health } from '../../../src/health.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import type { Log, LogFields } from '../../../src/telemetry/log.ts'
import type { Metrics } from '../../../src/telemetry/metrics.ts'

/** Counts nothing. */
export const noMetrics: Metrics = {
  request() {},
  storeOperation: () => ({ succeeded() {}, failed() {} }),
  text: async () => '',
}

/** A log that keeps its lines. */
export function memoryLog(): Log & { lines: LogFields[] } {
  const lines: LogFields[] = []
  const push = (fields: LogFields) => void lines.push(fields)
  return {
    lines,
    debug: () => {},
    info: push,
    warn: push,
    error: push,
    request: (level, fields) => void (level === 'info' && push({ event: 'request', ...fields })),
  }
}

/** The real app with fixed dependencies. */
export function testApp({
  records = createMemoryStore(),
  status = 'ok' as Health['status'],
  tokens = undefined as TokenHash[] | undefined,
  log = memoryLog() as Log,
  currentDay = () => Temporal.PlainDate.from('2026-11-30'),
  tls = undefined as TlsConfig | undefined,
  metrics = noMetrics,
  requestTimeoutSeconds = 5,
} = {}) {
  const serve = createApp({
    config: {
      environment: 'test',
      instanceId: 'i-test',
      requestTimeoutSeconds,
      ...(tokens && { tokens }),
      ...(tls && { tls }),
    },
    release: { id: 'release', commit: 'commit', builtAt: '2026-01-02T03:04:05Z' },
    store: storeIn(records),
    health: { status, ready: Promise.resolve(), drain() {} },
    log,
    currentDay,
    metrics,
  })
  return {
    request: (path: string, init: RequestInit = {}) =>
      serve(new Request(`http://localhost${path}`, init)),
  }
}

/** A PUT of `body`, which is turned into JSON unless it is a text. */
export const put = (body: unknown, headers: Record<string, string> = {}) => ({
  method: 'PUT',
  headers: { 'Content-Type': 'application/json', ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

/** Expects the problem document of `type`, and returns it. */
export async function expectProblem(response: Response, status: number, type: string) {
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(response.headers.get('cache-control')).toBe('no-store')
  const problem = (await response.json()) as Record<string, unknown>
  expect(problem).toMatchObject({ type: `urn:${name}:problem:${type}`, status })
  expect(problem.instance).toBe(response.headers.get('x-request-id'))
  expect(problem.title).toBeString()
  expect(problem.detail).toBeString()
  return problem
}
