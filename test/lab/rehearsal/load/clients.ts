/**
 * The clients, in their own process inside the namespace: `clients.ts OPTIONS` with LoadOptions as JSON. Writes a line
 * of JSON for each second; at the end of its input it stops, reads everything back and exits.
 *
 * Requests at a constant rate are sent when they are due, regardless of earlier ones, and their latency counts from then.
 * Vegeta would do that too, but its results show neither what was written before a read nor who answered, and Debian 12's
 * Go cannot build it.
 */

import { resolve4 } from 'node:dns/promises'
import { canary } from '../../../../scripts/lib/domain/canary.ts'
import { type Latencies, note } from '../../../../scripts/lib/probe/histogram.ts'
import type { CanaryRequest } from '../../../../scripts/lib/service.ts'
import { NO_TARGET, OWN_HEADER, TARGET_HEADER } from '../balancer/configuration.ts'
import { TTL_SECONDS } from '../balancer/dns.ts'
import { ExpectedUser } from './expected-user.ts'
import { History } from './history.ts'
import {
  CLIENT_TIMEOUT_MS,
  type FailedRequest,
  type FailureClass,
  type LoadLine,
  type LoadOptions,
  type ReadBack,
  type Second,
} from './lines.ts'

/** Users written at the constant rate; each is read once between two writes. */
const USERS = 4_000
const USERS_OF_CLIENT = 50
/** A closed-loop client pauses this long between two requests. */
const THINK_MS = 12
const READ_BACK_AT_ONCE = 16

const options = JSON.parse(process.argv[2] ?? '') as LoadOptions
const authorization = `Bearer ${options.token}`
let second = blank(Math.floor(Date.now() / 1000))
let lastRightAt = Date.now()
let running = true
let nodes: string[] = []
const history = new History(options.history)
const pending = new Set<Promise<void>>()

function blank(at: number): Second {
  return { at, served: {}, failed: [], latencies: {} as Latencies, gapMs: 0 }
}

function say(line: LoadLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** The current second; earlier ones are reported. */
function current(): Second {
  const now = Math.floor(Date.now() / 1000)
  if (now > second.at) {
    say({ second })
    second = blank(now)
  }
  return second
}

function right(instance: string, ms: number): void {
  const into = current()
  into.served[instance] = (into.served[instance] ?? 0) + 1
  note(into.latencies, ms)
  const now = Date.now()
  into.gapMs = Math.max(into.gapMs, now - lastRightAt)
  lastRightAt = now
}

/** Where a request goes, and how. */
interface Way {
  node: string
  protocol: 'http1.1' | 'http2'
}

/** Any node: the requests at a constant rate come from many clients. */
const anyWay = (): Way => ({
  node: nodes[Math.floor(Math.random() * nodes.length)] as string,
  protocol: 'http1.1',
})

/** Looks the load balancer's name up as clients do. */
async function resolve(): Promise<void> {
  nodes = await resolve4(new URL(options.url).hostname)
}

/** Sends a request, checks the response with `isRight` and records it. True if it was correct. */
async function ask(
  { method, path, body, status }: CanaryRequest,
  isRight: (body: string, sentAt: Date) => boolean,
  { node, protocol }: Way,
  dueAt = performance.now(),
): Promise<boolean> {
  const sentAt = Date.now()
  const fail = (what: FailureClass, detail: string, instance?: string | null) => {
    const failure: FailedRequest = { sentAt, at: Date.now(), what, method, detail }
    current().failed.push(instance ? { ...failure, instance } : failure)
    return false
  }
  try {
    const response = await fetch(`https://${node}${path}`, {
      protocol,
      method,
      body: body ?? null,
      headers: body ? { authorization, 'content-type': 'application/json' } : { authorization },
      signal: AbortSignal.timeout(CLIENT_TIMEOUT_MS),
    })
    const target = response.headers.get(TARGET_HEADER)
    const instance = target === NO_TARGET ? null : target
    const text = await response.text()
    const shown = text.slice(0, 200)
    if (response.status !== status) {
      return fail(classOf(response, shown), `${node} ${path} ${response.status} ${shown}`, instance)
    }
    if (!isRight(text, new Date(sentAt))) return fail('wrong body', `${path} ${shown}`, instance)
    right(instance ?? 'unknown', performance.now() - dueAt)
    return true
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string }
    const what =
      name === 'TimeoutError' ? 'timeout' : /reset|closed/i.test(code ?? '') ? 'reset' : 'connect'
    return fail(what, `${node} ${path} ${code ?? name}: ${message}`)
  }
}

function classOf({ status, headers }: Response, text: string): FailureClass {
  if (headers.has(OWN_HEADER)) return `elb ${status}` as FailureClass
  if (status === 503 && headers.has('retry-after') && text.includes('"type"')) return 'store 503'
  return status >= 500 ? 'target 5xx' : 'unexpected status'
}

async function write(user: ExpectedUser, seed: number, way: Way, dueAt?: number): Promise<boolean> {
  const value = user.next(seed)
  const request = canary.write(user.key, value)
  const begin = history.now()
  const written = await ask(
    request,
    (body, sentAt) => request.isRight(body, sentAt, new Date()),
    way,
    dueAt,
  )
  history.add(user.key, 'w', value, begin, written ? history.now() : null)
  if (written) user.written(value)
  else user.failed(value)
  return written
}

async function read(user: ExpectedUser, way: Way, dueAt?: number): Promise<boolean> {
  const begin = history.now()
  let value: string | undefined
  const isRight = (body: string, sentAt: Date) => {
    value = user.valueIn(body, sentAt)
    return user.accepts(body, sentAt)
  }
  const right = await ask(canary.read(user.key, ''), isRight, way, dueAt)
  if (value !== undefined) history.add(user.key, 'r', value, begin, history.now())
  return right
}

const users = Array.from(
  { length: USERS },
  (_, index) => new ExpectedUser(canary, canary.keyOf(options.users ?? 'Rate', index)),
)

/** Writes and reads in turn; a user is read half a round after it was written. */
async function constantRate(): Promise<void> {
  const startedAt = performance.now()
  for (let count = 0; running; ) {
    const due = Math.floor(((performance.now() - startedAt) * options.rate) / 1000)
    for (; count < due; count++) {
      const dueAt = startedAt + ((count + 1) * 1000) / options.rate
      const turn = Math.floor(count / 2)
      const user = users[turn % USERS] as ExpectedUser
      const earlier = users[(turn + USERS / 2) % USERS] as ExpectedUser
      const reads = count % 2 === 1 && earlier.acknowledged > 0
      const way = anyWay()
      track(
        reads
          ? read(earlier, way, dueAt)
          : write(count % 2 === 0 ? user : earlier, turn, way, dueAt),
      )
    }
    await Bun.sleep(1)
  }
}

function track(request: Promise<unknown>): void {
  const done: Promise<void> = request.then(() => void pending.delete(done))
  pending.add(done)
}

/** Writes and reads its own users in turn, over HTTP/2 and one node: an acknowledged write is read at once. */
async function closedLoop(own: ExpectedUser[], client: number): Promise<void> {
  const seed = client * 7
  for (let count = 0; running; count++) {
    const user = own[count % own.length] as ExpectedUser
    const way: Way = { node: nodes[client % nodes.length] as string, protocol: 'http2' }
    if (await write(user, seed, way)) await read(user, way)
    await Bun.sleep(THINK_MS)
  }
}

/** Reads every user with an acknowledged write. */
async function readBack(everybody: ExpectedUser[]): Promise<ReadBack> {
  const lost: string[] = []
  const written = everybody.filter(({ acknowledged }) => acknowledged > 0)
  const queue = [...written]
  const reader = async () => {
    for (let user = queue.pop(); user; user = queue.pop()) {
      if (!(await read(user, anyWay())) && !(await read(user, anyWay()))) lost.push(user.key)
    }
  }
  await Promise.all(Array.from({ length: READ_BACK_AT_ONCE }, reader))
  return {
    acknowledged: written.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
    users: written.length,
    lost,
  }
}

const groups = Array.from({ length: options.clients }, (_, client) =>
  Array.from(
    { length: USERS_OF_CLIENT },
    (_, index) => new ExpectedUser(canary, canary.keyOf('Loop', client * 100 + index)),
  ),
)
await resolve()
const resolver = setInterval(() => void resolve().catch(() => {}), TTL_SECONDS * 1000)
const ticker = setInterval(current, 200)
const load = [constantRate(), ...groups.map((own, index) => closedLoop(own, index))]
for await (const _ of process.stdin) {
  // Only its end matters.
}
running = false
await Promise.all(load)
await Promise.all(pending)
const found = await readBack([...users, ...groups.flat()])
await history.close()
say({ readBack: found })
clearInterval(ticker)
clearInterval(resolver)
say({ second })
