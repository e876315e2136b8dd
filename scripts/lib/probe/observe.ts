import { service } from '../service.ts'

/** What the instances reported about themselves through the load balancer. */
export interface Observation {
  /** Distinct `instance` values seen. */
  seen: string[]
  inService: number
  ok: boolean
  /** What is missing, in words; empty when ok. */
  problem: string
}

export interface Serving {
  id: string
  /** Whether it is of the launch template version that is observed: two versions of one release give the same answers. */
  isMeant: boolean
}

export interface ObserveOptions {
  url: string
  release: string
  /** The instances in service, fetched again each round since the group may scale meanwhile. */
  inService: () => Promise<Serving[]>
  timeoutMs: number
  pauseMs: number
}

/** Per round, of one second: two minutes of these and the probe stay within the smallest WAF limit in terraform/. */
const MOST_AT_ONCE = 15

interface Answer {
  release: string
  instance: string
}

/**
 * Requests /version on fresh connections until every instance in service has answered with the release, or time is up.
 * A round with an answer from another release, or with an instance of another version in service, restarts the count.
 */
export async function observe(options: ObserveOptions): Promise<Observation> {
  const { url, release, timeoutMs, pauseMs } = options
  const deadline = Date.now() + timeoutMs
  const seen = new Set<string>()
  for (;;) {
    const serving = await options.inService()
    const ids = serving.map(({ id }) => id)
    const stray = serving.find(({ isMeant }) => !isMeant)
    const answers = await fetchVersions(url, Math.min(MOST_AT_ONCE, Math.max(4, ids.length * 2)))
    const others = answers.filter((answer) => answer.release !== release)
    if (others.length > 0 || stray) seen.clear()
    else for (const { instance } of answers) seen.add(instance)
    const problem = stray
      ? `${stray.id} has another launch template version`
      : whatIsMissing(ids, seen, others, answers.length)
    if (!problem || Date.now() >= deadline) {
      return { seen: [...seen], inService: ids.length, ok: !problem, problem }
    }
    await Bun.sleep(pauseMs)
  }
}

function whatIsMissing(
  ids: string[],
  seen: Set<string>,
  others: Answer[],
  answered: number,
): string {
  if (ids.length === 0) return 'no instance is in service'
  const [other] = others
  if (other) return `${other.instance} still answers ${service.version.path} with ${other.release}`
  // An instance that names itself by its EC2 id can be matched; another name can only be counted.
  const named = [...seen].every((name) => /^i-[0-9a-f]{8,17}$/.test(name))
  const missing = named ? ids.filter((id) => !seen.has(id)) : []
  if (answered === 0 && ids.length > 0) return `nothing answered ${service.version.path}`
  if (missing.length > 0) return `no answer from ${missing.join(', ')} was seen`
  if (seen.size < ids.length) {
    return `only ${seen.size} of ${ids.length} instances in service answered ${service.version.path}`
  }
  return ''
}

/** The readable answers; failures are left to the probe. */
async function fetchVersions(url: string, times: number): Promise<Answer[]> {
  const answers = await Promise.allSettled(Array.from({ length: times }, () => fetchVersion(url)))
  return answers.filter((each) => each.status === 'fulfilled').map(({ value }) => value)
}

async function fetchVersion(url: string): Promise<Answer> {
  const response = await fetch(url + service.version.path, {
    keepalive: false,
    signal: AbortSignal.timeout(3_000),
  })
  if (!response.ok) throw new Error(`status ${response.status}`)
  const answer = service.version.read(await response.text())
  if (!answer) throw new Error('no version')
  return answer
}
