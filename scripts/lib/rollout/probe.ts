import { Stop } from '../cli.ts'
import { type Failure, type Figures, figuresOf, type Phase, type Sample } from './figures.ts'

/** Reserved for the probe: user names are letters only. */
export const CANARY = 'Canary'
const CANARY_BIRTH = { dateOfBirth: '2000-01-01' }
const CANARY_ANSWER = /^Hello, Canary! (Your birthday is in \d{1,3} day\(s\)|Happy birthday!)$/

export interface ProbeOptions {
  /** Of the load balancer. */
  url: string
  /** Requests a second, whatever the answers take. */
  rate: number
  timeoutMs: number
  /** Bearer token with scope `write`. */
  token: string | undefined
}

type Check = (response: Response) => Promise<Failure | undefined>

/** Asks the service through the load balancer at a fixed rate, and keeps what it answered. */
export class Probe {
  phase: Phase = 'before'
  /** Releases that /version may tell at this moment; undefined accepts any. */
  expected: Set<string> | undefined
  /** False when the service wants a token for the canary and none was given. */
  canary = true
  /** How often each release answered. */
  readonly releases = new Map<string, number>()
  private readonly samples: Sample[] = []
  private readonly pending = new Set<Promise<void>>()
  private readonly startedAt = Date.now()
  private timer: Timer | undefined
  private turn = 0

  constructor(private readonly options: ProbeOptions) {}

  /**
   * Finds out whether the canary user can be written. Refuses a token that the service refuses; without one that it
   * wants, the canary is left out.
   */
  async prepare(): Promise<void> {
    const put = await this.send(`/hello/${CANARY}`, 'PUT').catch(() => undefined)
    if (put?.status !== 401 && put?.status !== 403) return
    if (this.options.token) {
      throw new Stop(
        `the service refuses the probe's token (${put.status}). Give one with scope write (--token or HELLO_TOKEN), or none to leave the canary user out.`,
      )
    }
    this.canary = false
  }

  start(): void {
    this.timer ??= setInterval(() => this.fire(), 1000 / this.options.rate)
  }

  /** Sends no more and waits for the answers under way. */
  async stop(): Promise<void> {
    clearInterval(this.timer)
    await Promise.all(this.pending)
  }

  figures(): Figures {
    return figuresOf(this.samples, this.startedAt, Date.now())
  }

  private fire(): void {
    const kinds = this.canary
      ? [this.put, this.get, this.health, this.version]
      : [this.health, this.version]
    const kind = kinds[this.turn++ % kinds.length] as () => Promise<Failure | undefined>
    const { phase } = this
    const began = performance.now()
    const request = kind
      .call(this)
      .catch(failureOf)
      .then((failure) => {
        const ms = performance.now() - began
        this.samples.push({ at: Date.now(), ms, phase, ...(failure ? { failure } : {}) })
        this.pending.delete(request)
      })
    this.pending.add(request)
  }

  private put = (): Promise<Failure | undefined> =>
    this.ask(`/hello/${CANARY}`, 204, async () => undefined, 'PUT')

  private get = (): Promise<Failure | undefined> =>
    this.ask(`/hello/${CANARY}`, 200, async (response) => {
      const { message } = (await response.json()) as { message?: string }
      return CANARY_ANSWER.test(message ?? '') ? undefined : 'wrong body'
    })

  private health = (): Promise<Failure | undefined> =>
    this.ask('/hc', 200, async (response) => {
      const { status } = (await response.json()) as { status?: string }
      return status === 'ok' ? undefined : 'wrong body'
    })

  private version = (): Promise<Failure | undefined> =>
    this.ask('/version', 200, async (response) => {
      const { version } = (await response.json()) as { version?: string }
      if (!version) return 'wrong body'
      this.releases.set(version, (this.releases.get(version) ?? 0) + 1)
      return this.expected && !this.expected.has(version) ? 'wrong release' : undefined
    })

  private async ask(
    path: string,
    wanted: number,
    check: Check,
    method = 'GET',
  ): Promise<Failure | undefined> {
    const response = await this.send(path, method)
    if (response.status === wanted) return await check(response)
    await response.arrayBuffer()
    return statusFailure(response.status)
  }

  private async send(path: string, method: string): Promise<Response> {
    const { url, timeoutMs, token } = this.options
    const headers: Record<string, string> = {}
    if (token && path.startsWith('/hello/')) headers.authorization = `Bearer ${token}`
    if (method === 'PUT') headers['content-type'] = 'application/json'
    return await fetch(url + path, {
      method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      ...(method === 'PUT' ? { body: JSON.stringify(CANARY_BIRTH) } : {}),
    })
  }
}

function statusFailure(status: number): Failure {
  if (status === 502 || status === 503 || status === 504) return `${status}`
  return status >= 500 ? 'other 5xx' : 'unexpected status'
}

function failureOf(error: unknown): Failure {
  const { name, code } = error as { name?: string; code?: string }
  if (name === 'TimeoutError') return 'timeout'
  if (name === 'SyntaxError') return 'wrong body'
  return code === 'ECONNRESET' || code === 'ConnectionClosed' ? 'reset' : 'connect'
}
