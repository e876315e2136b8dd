/**
 * The clients, in a process of their own inside the namespace: `clients.ts OPTIONS` with LoadOptions as JSON. Writes a
 * line of JSON for each second; told to stop by the end of its input, it reads everything back and ends.
 *
 * Requests at a constant rate are sent when they are due, whatever became of those before, and their latency counts from
 * then. Vegeta would do that too, but its results tell neither what was written before a read nor who answered, and the
 * Go of Debian 12 cannot build it.
 */
import { OWN_HEADER, TARGET_HEADER } from './balancer.ts'
import { userName } from './birthdays.ts'
import { Person } from './expected-user.ts'
import { type Latencies, note } from './latency.ts'
import {
  CLIENT_TIMEOUT_MS,
  type FailedRequest,
  type FailureClass,
  type LoadLine,
  type LoadOptions,
  type ReadBack,
  type Second,
} from './load-lines.ts'

/** Users written at the constant rate; each is read once between two writes. */
const USERS = 4_000
const USERS_OF_CLIENT = 50
/** A closed-loop client thinks this long between two requests. */
const THINK_MS = 12
const READ_BACK_AT_ONCE = 16

const options = JSON.parse(process.argv[2] ?? '') as LoadOptions
const authorization = `Bearer ${options.token}`
let second = blank(Math.floor(Date.now() / 1000))
let lastRightAt = Date.now()
let running = true
const pending = new Set<Promise<void>>()

function blank(at: number): Second {
  return { at, served: {}, failed: [], latencies: {} as Latencies, gapMs: 0 }
}

function say(line: LoadLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** The second that now is; those before are told. */
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

/** Undefined when the answer is right. */
type Check = (response: Response) => Promise<string | undefined>

/** Sends a request, judges the answer and notes it. True when it was right. */
async function ask(
  person: Person,
  method: 'GET' | 'PUT',
  body: string | null,
  check: Check,
  dueAt = performance.now(),
): Promise<boolean> {
  const sentAt = Date.now()
  const fail = (what: FailureClass, detail: string, instance?: string | null) => {
    const failure: FailedRequest = { sentAt, at: Date.now(), what, method, detail }
    current().failed.push(instance ? { ...failure, instance } : failure)
    return false
  }
  try {
    const response = await fetch(`${options.url}/hello/${person.name}`, {
      method,
      body,
      headers: body ? { authorization, 'content-type': 'application/json' } : { authorization },
      signal: AbortSignal.timeout(CLIENT_TIMEOUT_MS),
    })
    const wanted = method === 'PUT' ? 204 : 200
    const instance = response.headers.get(TARGET_HEADER)
    if (response.status !== wanted) {
      const text = (await response.text()).slice(0, 200)
      return fail(classOf(response, text), `${response.status} ${text}`, instance)
    }
    const wrong = await check(response)
    if (wrong !== undefined) return fail('wrong body', wrong, instance)
    right(instance ?? 'unknown', performance.now() - dueAt)
    return true
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string }
    const what =
      name === 'TimeoutError' ? 'timeout' : /reset|closed/i.test(code ?? '') ? 'reset' : 'connect'
    return fail(what, `${code ?? name}: ${message}`)
  }
}

function classOf({ status, headers }: Response, text: string): FailureClass {
  if (headers.has(OWN_HEADER)) return `elb ${status}` as FailureClass
  if (status === 503 && headers.has('retry-after') && text.includes('"type"')) return 'store 503'
  return status >= 500 ? 'target 5xx' : 'unexpected status'
}

async function put(person: Person, seed: number, dueAt?: number): Promise<boolean> {
  const date = person.next(seed)
  const empty: Check = async (response) => (await response.text()) || undefined
  const written = await ask(person, 'PUT', JSON.stringify({ dateOfBirth: date }), empty, dueAt)
  if (written) person.written(date)
  else person.failed(date)
  return written
}

function get(person: Person, dueAt?: number): Promise<boolean> {
  const sentAt = Date.now()
  return ask(
    person,
    'GET',
    null,
    async (response) => {
      const text = await response.text()
      return text.startsWith('{') && person.accepts(JSON.parse(text).message, sentAt)
        ? undefined
        : text.slice(0, 200)
    },
    dueAt,
  )
}

const people = Array.from({ length: USERS }, (_, index) => new Person(userName('Rate', index)))

/** PUT and GET in turn; a user is read half a round after it was written. */
async function constantRate(): Promise<void> {
  const startedAt = performance.now()
  for (let count = 0; running; ) {
    const due = Math.floor(((performance.now() - startedAt) * options.rate) / 1000)
    for (; count < due; count++) {
      const dueAt = startedAt + ((count + 1) * 1000) / options.rate
      const turn = Math.floor(count / 2)
      const person = people[turn % USERS] as Person
      const earlier = people[(turn + USERS / 2) % USERS] as Person
      const reads = count % 2 === 1 && earlier.acknowledged > 0
      track(reads ? get(earlier, dueAt) : put(count % 2 === 0 ? person : earlier, turn, dueAt))
    }
    await Bun.sleep(1)
  }
}

function track(request: Promise<unknown>): void {
  const done: Promise<void> = request.then(() => void pending.delete(done))
  pending.add(done)
}

/** Writes and reads its own users in turn: what was acknowledged is read at once. */
async function closedLoop(own: Person[], seed: number): Promise<void> {
  for (let count = 0; running; count++) {
    const person = own[count % own.length] as Person
    if (await put(person, seed)) await get(person)
    await Bun.sleep(THINK_MS)
  }
}

/** Reads every user that was ever acknowledged. */
async function readBack(everybody: Person[]): Promise<ReadBack> {
  const lost: string[] = []
  const written = everybody.filter(({ acknowledged }) => acknowledged > 0)
  const queue = [...written]
  const reader = async () => {
    for (let person = queue.pop(); person; person = queue.pop()) {
      if (!(await get(person)) && !(await get(person))) lost.push(person.name)
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
    (_, index) => new Person(userName('Loop', client * 100 + index)),
  ),
)
const ticker = setInterval(current, 200)
const load = [constantRate(), ...groups.map((own, index) => closedLoop(own, index * 7))]
for await (const _ of process.stdin) {
  // Only its end means something.
}
running = false
await Promise.all(load)
await Promise.all(pending)
say({ readBack: await readBack([...people, ...groups.flat()]) })
clearInterval(ticker)
say({ second })
