import { canary } from '../domain/canary.ts'
import { type CanaryRequest, NO_CANARY, service } from '../service.ts'
import { LoneRelease } from './alone.ts'
import { Comparison } from './failures.ts'
import { type Failure, type Figures, type Phase, Tally } from './figures.ts'
import { LatencyComparison } from './latency.ts'

/** What a load balancer or its firewall answers by itself (ELB user guide, "Troubleshoot your Application Load Balancers"). */
const BALANCERS_OWN = new Set([
  400, 403, 405, 408, 413, 414, 429, 460, 463, 464, 501, 502, 503, 504, 561,
])
const VALUE = canary.value(0)
const TIMEOUT_MS = 5_000
const SHOWN_OF_BODY = 120

/** How often the probe was answered so far. */
export interface Answers {
  ofNew: number
  ofAll: number
}

export interface ProbeOptions {
  /** Of the load balancer. */
  url: string
  /**
   * The release being rolled out: its responses are compared with those of the others. Undefined: it is that of the others,
   * too, and who answered is told by the instance.
   */
  release: string | undefined
  /** Requests per second, however long the responses take. */
  rate: number
  /** Bearer token with write scope. */
  token: string | undefined
}

/** Undefined: the response was correct. */
type Outcome = { failure: Failure; detail: string } | undefined

/** Queries the service through the load balancer at a fixed rate, and evaluates the responses. */
export class Probe {
  phase: Phase = 'before'
  /** Releases that /version may report at this moment; undefined accepts any. */
  expected: Set<string> | undefined
  /** False if there is no canary, or the service requires a token for it and did not get a valid one. */
  hasCanary = canary !== NO_CANARY
  /** Whether the new release serves in every zone where the others do: latency differs between zones. */
  isSpread = false
  /** The instances seen so far, by id: whether each is of the version being rolled out. */
  readonly instances = new Map<string, boolean>()
  /** Whether instances of another version are in service, which may have given a response that names nobody. */
  othersServe = true
  /** How often each release answered. */
  readonly releases = new Map<string, number>()
  /** Those that instances count like those of users. */
  readonly canaryRequests = { sent: 0, ended: 0 }
  private readonly comparison = new Comparison()
  private readonly latency = new LatencyComparison()
  private readonly alone = new LoneRelease()
  /** Whether responses name who gave them. */
  private namesItself = false
  private newNamesItself = false
  private oldIsNameless = false
  private readonly tally = new Tally(Date.now())
  private readonly pending = new Set<Promise<void>>()
  private timer: Timer | undefined
  /** What is left of this round. */
  private round: CanaryRequest[] = []

  constructor(private readonly options: ProbeOptions) {}

  /** Checks whether the canary can be written, and leaves it out otherwise. Returns how the service judged the token. */
  async prepare(): Promise<'accepted' | 'missing' | 'refused'> {
    if (!this.hasCanary) return 'accepted'
    const response = await this.send(canary.write(canary.key, VALUE)).catch(() => undefined)
    if (response?.status !== 401 && response?.status !== 403) return 'accepted'
    this.hasCanary = false
    return this.options.token ? 'refused' : 'missing'
  }

  /** At random moments, one in each interval: two probes in step would each see every second instance only. */
  start(): void {
    const interval = 1000 / this.options.rate
    const next = (due: number): void => {
      const wait = due + Math.random() * interval - performance.now()
      this.timer = setTimeout(
        () => {
          this.fire()
          next(Math.max(due + interval, performance.now() - interval))
        },
        Math.max(0, wait),
      )
    }
    next(performance.now())
  }

  /** Stops sending, and waits for the outstanding responses. */
  async stop(): Promise<void> {
    clearTimeout(this.timer)
    await Promise.all(this.pending)
  }

  figures(): Figures {
    return this.tally.figures(Date.now())
  }

  /** Why the new release is to blame, for more than `budget` failures or for its latency; undefined if it is not. */
  blame(budget: number): string | undefined {
    const { others, othersFailed } = this.comparison.counts
    const blame = this.comparison.blame(budget)
    if (blame !== undefined || budget === Infinity) return blame
    const before = othersFailed / Math.max(1, others)
    return this.alone.blame(before, budget) ?? this.latency.blame()
  }

  /** How often it was answered since the rollout began; undefined if responses do not name a release. */
  get answers(): Answers | undefined {
    if (!this.namesItself) return undefined
    const { requests, others } = this.comparison.counts
    return { ofNew: requests, ofAll: requests + others }
  }

  /** How many instances of the new release serve. */
  set newInstances(count: number) {
    this.latency.newInstances = count
  }

  private fire(): void {
    if (this.round.length === 0) this.round = this.newRound()
    const request = this.round.pop() as CanaryRequest
    const { phase } = this
    const began = performance.now()
    const sent = this.sendAndCheck(request).then((outcome) => {
      const ms = performance.now() - began
      this.tally.add({ at: Date.now(), ms, phase, ...outcome })
      this.pending.delete(sent)
    })
    this.pending.add(sent)
  }

  /** In random order: with a fixed one, a round-robin load balancer would send the same request to the same instance. */
  private newRound(): CanaryRequest[] {
    const requests = this.hasCanary
      ? [canary.write(canary.key, VALUE), canary.read(canary.key, VALUE), HEALTH, VERSION]
      : [HEALTH, VERSION]
    return requests
      .map((request) => ({ request, place: Math.random() }))
      .sort((a, b) => a.place - b.place)
      .map(({ request }) => request)
  }

  /** Never rejects. */
  private async sendAndCheck(request: CanaryRequest): Promise<Outcome> {
    const name = `${request.method} ${request.path}`
    const sentAt = new Date()
    const began = performance.now()
    try {
      const response = await this.send(request)
      const body = await response.text()
      const failure = this.failureIn(request, response, body, sentAt)
      const ms = performance.now() - began
      this.compare(response, failure !== undefined, { request: name, ms })
      return (
        failure && {
          failure,
          detail: `${name} returned ${response.status} ${body.slice(0, SHOWN_OF_BODY)}`.trimEnd(),
        }
      )
    } catch (error) {
      this.countAlone(undefined, true)
      return { failure: failureOf(error), detail: `${name}: ${(error as Error).message}` }
    }
  }

  private failureIn(
    request: CanaryRequest,
    response: Response,
    body: string,
    sentAt: Date,
  ): Failure | undefined {
    if (response.status !== request.status) {
      // Not dropped: a load balancer that is late still asked an instance that stops, which answered as it should.
      if (request === HEALTH && service.health.isDraining(body)) return undefined
      return statusFailure(response.status)
    }
    if (!request.isRight(body, sentAt, new Date())) return 'wrong body'
    return request === VERSION && !this.isExpected(body) ? 'wrong release' : undefined
  }

  /** A response without a release may be the load balancer's, or of a release that never named itself. */
  private compare(
    { status, headers }: Response,
    failed: boolean,
    timing: { request: string; ms: number },
  ): void {
    const isNew = this.authorOf(headers, status, failed)
    if (this.phase !== 'during') return
    this.countAlone(isNew, failed)
    if (isNew === undefined) return
    this.comparison.add({ isNew, failed })
    if (!failed) this.latency.add({ isNew, ...timing, isSpread: this.isSpread })
  }

  /** What nobody signs for counts against a release that runs alone, and otherwise for nobody. */
  private countAlone(isNew: boolean | undefined, failed: boolean): void {
    if (this.phase !== 'during') return
    this.alone.add({ at: Date.now(), isNew: isNew ?? !this.othersServe, failed })
  }

  /** Whether the new release, or the new image of the same one, gave this response; undefined if nobody can tell. */
  private authorOf(headers: Headers, status: number, failed: boolean): boolean | undefined {
    const isOfNew = this.signedBy(headers)
    this.namesItself ||= isOfNew !== undefined
    if (!this.namesItself || this.phase !== 'during') return undefined
    if (isOfNew !== undefined) {
      this.newNamesItself ||= isOfNew
      return isOfNew
    }
    if (BALANCERS_OWN.has(status)) return undefined
    // One that answers as it should, beside a new release that names itself, is a release from before that was done.
    if (!failed && this.newNamesItself) this.oldIsNameless = true
    return this.oldIsNameless ? (failed ? undefined : false) : true
  }

  /** Whether a response says that it is of the new version; undefined if it does not say. */
  private signedBy(headers: Headers): boolean | undefined {
    const { options, instances } = this
    if (options.release === undefined)
      return instances.get(headers.get(service.instanceHeader) ?? '')
    const release = headers.get(service.releaseHeader)
    return release === null ? undefined : release === options.release
  }

  private isExpected(body: string): boolean {
    const release = service.version.read(body)?.release ?? ''
    this.releases.set(release, (this.releases.get(release) ?? 0) + 1)
    return !this.expected || this.expected.has(release)
  }

  private async send({ method, path, body }: CanaryRequest): Promise<Response> {
    const { url, token } = this.options
    const isOfCanary = path !== HEALTH.path && path !== VERSION.path
    if (isOfCanary) this.canaryRequests.sent++
    return await fetch(url + path, {
      method,
      headers: {
        ...(token && isOfCanary ? { authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body }),
    }).finally(() => {
      if (isOfCanary) this.canaryRequests.ended++
    })
  }
}

const HEALTH: CanaryRequest = {
  method: 'GET',
  path: service.health.path,
  status: 200,
  isRight: service.health.isRight,
}

const VERSION: CanaryRequest = {
  method: 'GET',
  path: service.version.path,
  status: 200,
  isRight: (body) => service.version.read(body) !== undefined,
}

function statusFailure(status: number): Failure {
  if (status === 502 || status === 503 || status === 504) return `${status}`
  return status >= 500 ? 'other 5xx' : 'unexpected status'
}

function failureOf(error: unknown): Failure {
  const { name, code } = error as { name?: string; code?: string }
  if (name === 'TimeoutError') return 'timeout'
  return code === 'ECONNRESET' || code === 'ConnectionClosed' ? 'reset' : 'connect'
}
