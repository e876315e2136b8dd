import Counter from 'prom-client/lib/counter.js'
import Gauge from 'prom-client/lib/gauge.js'
import Histogram from 'prom-client/lib/histogram.js'
import type Registry from 'prom-client/lib/registry.js'
import { name } from '../../package.json'
import type { Release } from '../release.ts'

export interface Metrics {
  /** Counts one answered request; `route` is the pattern, so that no user name becomes a label. */
  request(method: string, route: string, status: number, seconds: number): void
  /** What to call when a store operation succeeded or failed. */
  storeOperation(operation: string): { succeeded(): void; failed(): void }
  /** The registry in the Prometheus text format. */
  text(): Promise<string>
}

const DURATION_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
]

/** Which time zone rules are in use, and until when the certificate, if any, is valid. */
export function registerMachine(
  registry: Registry,
  facts: {
    zone: string
    tzdata: string
    from: string
    certificate: { expiresAtSeconds: number } | undefined
  },
): void {
  const { zone, tzdata, from, certificate } = facts
  new Gauge({
    name: 'time_zone_info',
    help: 'Always 1; the labels say by which rules it is today.',
    labelNames: ['zone', 'tzdata', 'from'],
    registers: [registry],
  }).set({ zone, tzdata, from }, 1)
  if (!certificate) return
  new Gauge({
    name: 'tls_certificate_expiry_timestamp_seconds',
    help: 'When the certificate that is in use expires.',
    registers: [registry],
  }).set(certificate.expiresAtSeconds)
}

/** Which secrets are in use, and since when: two workers with the same fingerprint use the same. */
export function registerSecrets(
  registry: Registry,
  inUse: () => { fingerprint: string; readAt: number },
): void {
  new Gauge({
    name: 'secrets_read_timestamp_seconds',
    help: 'When the tokens and the password of the store that are in use were read.',
    labelNames: ['fingerprint'],
    registers: [registry],
    collect() {
      const { fingerprint, readAt } = inUse()
      this.reset()
      this.set({ fingerprint }, readAt)
    },
  })
}

/** Adds the metrics of the runtime and its process to `registry`. Takes several milliseconds. */
export async function addRuntime(registry: Registry): Promise<void> {
  const { default: collectDefaultMetrics } = await import('prom-client/lib/defaultMetrics.js')
  collectDefaultMetrics({ register: registry })
}

/** The metrics of the service, in `registry`. */
export function createMetrics(release: Release, registry: Registry): Metrics {
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Seconds from the request headers to the response.',
    labelNames: ['method', 'route', 'status'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  })
  new Counter({
    name: 'http_requests_total',
    help: 'Requests answered.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
    // The histogram counts them already; counting twice would cost every request.
    async collect() {
      this.reset()
      const { values } = await duration.get()
      for (const { metricName, labels, value } of values) {
        if (metricName?.endsWith('_count')) this.inc(labels, value)
      }
    },
  })
  const operations = createTally('store_operations_total', 'Store operations.', registry)
  const errors = createTally('store_errors_total', 'Store operations that failed.', registry)
  new Gauge({
    // A metric name cannot contain a hyphen.
    name: `${name.replaceAll('-', '_')}_build_info`,
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'commit', 'built_at', 'bun'],
    registers: [registry],
  }).set(
    { version: release.id, commit: release.commit, built_at: release.builtAt, bun: Bun.version },
    1,
  )

  return {
    request(method, route, status, seconds) {
      duration.observe({ method, route, status }, seconds)
    },
    storeOperation(operation) {
      const count = operations(operation)
      const countError = errors(operation)
      return {
        succeeded: count,
        failed() {
          count()
          countError()
        },
      }
    },
    text: () => registry.metrics(),
  }
}

/** A counter for each operation. It becomes a metric when somebody asks, since prom-client looks labels up at each count. */
function createTally(
  name: string,
  help: string,
  registry: Registry,
): (operation: string) => () => void {
  const counts: { operation: string; value: number }[] = []
  new Counter({
    name,
    help,
    labelNames: ['operation'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { operation, value } of counts) this.inc({ operation }, value)
    },
  })
  return (operation) => {
    const count = { operation, value: 0 }
    counts.push(count)
    return () => {
      count.value++
    }
  }
}
