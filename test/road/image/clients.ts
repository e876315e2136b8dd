import { config } from '../../../package.json'
import { canary } from '../../../scripts/lib/domain/canary.ts'

/**
 * Clients behind a load balancer, to run beside a container: each of 8 writes and reads in turn, while /hc is polled
 * every 200 ms. Says when they are under load. Three failures of /hc in a row, the threshold of the real load balancer, end
 * it. Prints the outcome.
 */
const base = `http://127.0.0.1:${config.port}`
const CLIENTS = 8
const HEALTH_INTERVAL_MS = 200
const UNHEALTHY_THRESHOLD = 3
/** Requests after which it is said to be. */
const UNDER_LOAD = 100

const failures: string[] = []
let requests = 0
let inService = true

async function client(key: string): Promise<void> {
  const value = canary.value(0)
  const [write, read] = [canary.write(key, value), canary.read(key, value)]
  while (inService) {
    await expectStatus(write.status, base + write.path, {
      method: write.method,
      headers: { 'Content-Type': 'application/json' },
      body: write.body ?? '',
    })
    await expectStatus(read.status, base + read.path)
  }
}

async function expectStatus(status: number, url: string, init: RequestInit = {}): Promise<void> {
  if (++requests === UNDER_LOAD) console.log('under load')
  try {
    const response = await fetch(url, init)
    await response.arrayBuffer()
    if (response.status !== status) failures.push(`${response.status}`)
  } catch (error) {
    failures.push(String(error))
  }
}

async function watchHealth(): Promise<void> {
  let bad = 0
  while (bad < UNHEALTHY_THRESHOLD) {
    await Bun.sleep(HEALTH_INTERVAL_MS)
    const status = await fetch(`${base}/hc`).then(
      ({ status }) => status,
      () => 0,
    )
    bad = status === 200 ? 0 : bad + 1
  }
  inService = false
}

const keys = Array.from({ length: CLIENTS }, (_, index) => canary.keyOf('User', index))
await Promise.all([watchHealth(), ...keys.map(client)])
console.log(JSON.stringify({ requests, failures }))
