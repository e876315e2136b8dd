import { shortRelease } from '../cli/format.ts'
import { countBy } from '../fleet/fleet.ts'
import { service } from '../service.ts'
import { type Finding, ok, problem } from '../verify/finding.ts'
import type { Environment } from './environment.ts'

const PATIENCE_MS = 10_000

/** Whether the service answers its callers: /hc and /version through the load balancer. */
export async function checkService(environment: Environment): Promise<Finding[]> {
  const url = await environment.url()
  const { health, version } = service
  const answers = await Promise.all([get(url + health.path), get(url + version.path)]).catch(
    (error: Error) => error.message || error.name,
  )
  if (typeof answers === 'string') {
    return [
      problem(
        `${url} does not answer (${answers})`,
        "check that the DNS records in 'terraform -chdir=terraform output dns_records' exist and that ingress_cidrs lets this address in; then see the lines below",
      ),
    ]
  }
  const [healthAnswer, versionAnswer] = answers
  if (healthAnswer.status !== 200 || !health.isRight(healthAnswer.body)) {
    return [
      problem(
        `${url}${health.path} answers ${healthAnswer.status}`,
        "see the lines below, then 'scripts/ops status' and 'scripts/ops logs'",
      ),
    ]
  }
  const answered = version.read(versionAnswer.body)
  if (!answered) {
    return [
      problem(
        `${url}${version.path} answers ${versionAnswer.status} without a release`,
        "something else may answer at this address: check where it leads, and 'scripts/ops logs'",
      ),
    ]
  }
  const expected = Object.keys(countBy('release', await environment.fleet()))
  if (!expected.includes(answered.release)) {
    return [
      problem(
        `${url} answers with release ${shortRelease(answered.release)}, but the instances in service run ${expected.map(shortRelease).join(' and ') || 'none'}`,
        'check where the address leads: it may be another environment',
      ),
    ]
  }
  return [ok(`${url} is healthy and answers with release ${shortRelease(answered.release)}`)]
}

async function get(url: string): Promise<{ status: number; body: string }> {
  const response = await fetch(url, {
    redirect: 'manual',
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  return { status: response.status, body: await response.text() }
}
