import { config } from '../../../package.json'

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

async function client(user: string): Promise<void> {
  while (inService) {
    await expectStatus(204, `${base}/hello/${user}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: '{"dateOfBirth":"1990-04-01"}',
    })
    await expectStatus(200, `${base}/hello/${user}`)
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

const users = Array.from({ length: CLIENTS }, (_, index) =>
  `user${String.fromCharCode(97 + index)}`.replace(/\d/g, ''),
)
await Promise.all([watchHealth(), ...users.map(client)])
console.log(JSON.stringify({ requests, failures }))
