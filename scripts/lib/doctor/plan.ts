import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { Stop } from '../cli/errors.ts'
import { RELEASE_RESOURCES } from '../release/apply.ts'
import type { Change, Terraform } from '../release/terraform.ts'
import { count, type Finding, ok, problem, unknown } from '../verify/finding.ts'
import type { Environment } from './environment.ts'

/** How many differences are named. */
const MOST_NAMED = 5

/** Errors that say nothing about the configuration. */
const NO_ANSWER =
  /AccessDenied|UnauthorizedOperation|not authorized|ExpiredToken|credential|Throttl|RequestLimitExceeded|timeout|no such host|connection refused|was stopped after/i

/** Whether the account is as the configuration says: scripts/deploy refuses to ship while anything else differs. */
export async function checkPlan({ configuration }: Environment): Promise<Finding[]> {
  if (typeof configuration === 'string') return [unknown(configuration)]
  const { terraform } = configuration
  const folder = await mkdtemp(join(tmpdir(), 'doctor-'))
  const plan = join(folder, 'doctor.tfplan')
  try {
    if (!(await terraform.differs(plan))) return [ok('terraform plan would change nothing')]
    return [summarize(await changesOf(terraform, plan))]
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    const text = firstError(error.message)
    if (NO_ANSWER.test(error.message)) return [unknown(text)]
    return [
      problem(text, "mend what 'terraform -chdir=terraform plan' says: nothing can be shipped"),
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const changesOf = async (terraform: Terraform, plan: string): Promise<Change[]> =>
  (await terraform.changes(plan)).sort((a, b) => a.address.localeCompare(b.address))

function summarize(changes: Change[]): Finding {
  if (changes.length === 0) {
    return problem('terraform plan would change outputs only', 'run terraform apply')
  }
  const [first] = changes
  if (first && changes.every(isAccessString)) {
    return problem(
      `AWS keeps the access string of the store's user in other words than ${first.address} has, so that no plan is ever empty`,
      `in terraform/store.tf, write store_access as AWS does: ${JSON.stringify(first.before?.access_string)}`,
    )
  }
  const others = changes.filter(({ address }) => !RELEASE_RESOURCES.includes(address))
  if (others.length === 0) {
    return changes.some(({ address }) => address.startsWith('aws_launch_template.'))
      ? problem(
          'terraform/release.auto.tfvars.json names a release that is not applied',
          "ship it with 'scripts/deploy', or choose the one that runs with 'scripts/bump'",
        )
      : problem(
          'the newest rollout did not end well, and the next apply runs it again',
          "see 'scripts/rollout list', then deploy a release that is good",
        )
  }
  const named = others.slice(0, MOST_NAMED).map(described)
  const more = others.length - named.length
  return problem(
    `terraform plan would change ${count(others.length, 'resource')}: ${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
    "somebody changed them by hand, or a setting is in no *.auto.tfvars: see 'terraform -chdir=terraform plan'. scripts/deploy refuses until it is empty",
  )
}

const described = (change: Change): string => {
  const attributes = change.actions.join() === 'update' ? ` of ${differing(change).join(', ')}` : ''
  return `${change.address}, ${change.actions.join(' and ')}${attributes}`
}

const isAccessString = (change: Change): boolean =>
  /^aws_(memorydb|elasticache)_user\./.test(change.address) &&
  change.actions.join() === 'update' &&
  differing(change).join() === 'access_string'

/** Names only: a value may be secret. */
const differing = ({ before, after }: Change): string[] =>
  Object.keys({ ...before, ...after }).filter(
    (name) => !Bun.deepEquals(before?.[name], after?.[name]),
  )

/** What failed, and of Terraform's boxed and wrapped errors the first, in one line. */
export function firstError(message: string): string {
  const [what = '', ...rest] = stripVTControlCharacters(message).split('Error: ')
  const lines = rest
    .join('Error: ')
    .split('\n')
    .map((line) => line.replace(/^[│╷╵\s]+/, '').trim())
  const end = lines.indexOf('')
  const error = lines.slice(0, end < 0 ? undefined : end).join(' ')
  return `${what.replace(/[│╷╵\s]+$/, '')} ${error}`.trim().replace(/\.$/, '')
}
