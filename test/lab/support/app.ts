import { createApp } from '../../../src/app.ts'
import type { TlsConfig } from '../../../src/config/config.ts'
import type { TokenHash } from '../../../src/config/tokens.ts'
import type { Store } from '../../../src/domain/store.ts'
import type { Health } from '../../../src/health.ts'
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
  return { lines, debug: () => {}, info: push, warn: push, error: push }
}

/** A store in memory, for tests of the layers above the store. */
export function memoryStore(): Store {
  const birthdays = new Map<string, Temporal.PlainDate>()
  return {
    birthdayOf: async (username) => birthdays.get(username),
    saveBirthday: async (username, date) => void birthdays.set(username, date),
    forgetBirthday: async (username) => birthdays.delete(username),
    ping: async () => {},
    close: async () => {},
  }
}

/** The real app with fixed dependencies. */
export function testApp({
  store = memoryStore(),
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
    store,
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
