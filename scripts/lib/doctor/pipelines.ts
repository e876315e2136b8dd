import { GetRoleCommand } from '@aws-sdk/client-iam'
import { git } from '../cli/git.ts'
import { root } from '../service.ts'
import { type Finding, ok, problem, unknown } from '../verify/finding.ts'
import type { Account } from './account.ts'
import type { Environment } from './environment.ts'

/** The roles of terraform/bootstrap/github.tf, by the end of their names. */
export const ROLES = ['plan', 'bake', 'deploy', 'rollback']

const AUDIENCE = 'sts.amazonaws.com'
const ISSUER = 'token.actions.githubusercontent.com'

/** What a GitHub token must say for a role: claim to accepted values. */
type Trust = Record<string, string[]>

interface Trusting {
  arn: string
  trust: Trust
}

/**
 * Whether the roles of the workflows trust this repository, and inside of GitHub Actions, this very token; and whether the
 * workflows look for these roles.
 */
export async function checkPipelines(environment: Environment): Promise<Finding[]> {
  const { aws, group } = environment
  const found = await Promise.all(
    ROLES.map(async (role) => [role, await findRole(aws, `${group}-github-${role}`)] as const),
  )
  const existing = found.filter((each): each is readonly [string, Trusting] => !!each[1])
  const roles = existing.map(([name, { trust }]) => [name, trust] as const)
  const [first] = existing
  if (!first) {
    return [ok('no roles for workflows: releases are shipped by hand')]
  }
  const missing = ROLES.filter((role) => !roles.some(([name]) => name === role))
  const problems = missing.map((role) =>
    problem(`there is no role ${group}-github-${role}`, 'apply terraform/bootstrap'),
  )
  const claims = await claimsHere()
  return [
    ...problems,
    claims ? checkToken(claims, roles) : await checkRepository(roles),
    ...(await checkSettings(environment, first[1].arn.slice(0, -first[0].length))),
  ]
}

/** What .github/aws.env says otherwise than it is: by it workflows sign in, and *rollback* sends its token to its URL. */
async function checkSettings(environment: Environment, roles: string): Promise<Finding[]> {
  const { aws, settings } = environment
  if (settings === undefined) {
    return [
      problem(
        'there is no .github/aws.env, without which no workflow signs in',
        "commit what 'terraform -chdir=terraform/bootstrap output -raw workflows' prints",
      ),
    ]
  }
  const lines = settings.split('\n').map((line) => /^(\w+)=(.*)$/.exec(line)?.slice(1) ?? [])
  const said = Object.fromEntries(lines)
  const actual = {
    account: roles.split(':')[4],
    region: await aws.ec2.config.region(),
    roles,
    url: await environment.url().catch(() => said.url),
  }
  const wrong = Object.entries(actual).filter(([key, value]) => said[key] !== value)
  return wrong.map(([key, value]) =>
    problem(
      `.github/aws.env ${said[key] === undefined ? `has no ${key}` : `says ${key}=${said[key]}`}`,
      `it is ${value}: correct it there, or sign in to the other account`,
    ),
  )
}

async function findRole({ iam }: Account, RoleName: string): Promise<Trusting | undefined> {
  const answer = await iam.send(new GetRoleCommand({ RoleName })).catch((error: Error) => {
    if (error.name !== 'NoSuchEntityException' && error.name !== 'NoSuchEntity') throw error
  })
  if (!answer) return undefined
  const { Statement = [] } = JSON.parse(
    decodeURIComponent(answer.Role?.AssumeRolePolicyDocument ?? '{}'),
  ) as { Statement?: { Condition?: Record<string, Record<string, string | string[]>> }[] }
  const conditions = Object.entries(Statement[0]?.Condition?.StringEquals ?? {})
  const trust = conditions.map(([key, values]) => [key.replace(`${ISSUER}:`, ''), [values].flat()])
  return { arn: answer.Role?.Arn ?? '', trust: Object.fromEntries(trust) }
}

/** What GitHub says of the workflow that runs this; undefined elsewhere. */
async function claimsHere(): Promise<Record<string, string> | undefined> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = process.env
  if (!url || !token) return undefined
  const response = await fetch(`${url}&audience=${AUDIENCE}`, {
    headers: { authorization: `bearer ${token}` },
  })
  if (!response.ok) throw new Error(`GitHub answers ${response.status} to a request for a token`)
  const { value } = (await response.json()) as { value: string }
  return JSON.parse(Buffer.from(value.split('.')[1] ?? '', 'base64url').toString())
}

function checkToken(claims: Record<string, string>, roles: (readonly [string, Trust])[]): Finding {
  const { sub = '', repository_owner_id, repository_id } = claims
  const wanting = ([, trust]: readonly [string, Trust]): string[] =>
    Object.keys(trust).filter((claim) => !trust[claim]?.includes(claims[claim] ?? ''))
  const accepting = roles.filter((role) => wanting(role).length === 0).map(([name]) => name)
  if (accepting.length > 0) {
    return ok(`the subject ${sub} may assume ${accepting.join(', ')}`)
  }
  const isKnown = roles.some((role) => wanting(role).join() === 'sub')
  if (isKnown && roles.some(([, trust]) => trust.sub?.some((each) => isOf(each, nameIn(sub))))) {
    return problem(
      `no role accepts the subject ${sub}, though all know the repository`,
      'run the workflow from main, or in the environment of its role',
    )
  }
  const [owner, name] = nameIn(sub).split('/')
  return problem(
    `no role accepts the subject ${sub} of repository ${repository_id}`,
    `apply terraform/bootstrap with -var repository=${owner}@${repository_owner_id}/${name}@${repository_id}`,
  )
}

async function checkRepository(roles: (readonly [string, Trust])[]): Promise<Finding> {
  const repository = process.env.GITHUB_REPOSITORY ?? (await remote())
  if (!repository) return unknown('this clone has no remote on github.com to compare with')
  const untrusting = roles.filter(([, { sub = [] }]) => !sub.some((each) => isOf(each, repository)))
  if (untrusting.length === 0) {
    return ok(`${roles.map(([name]) => name).join(', ')} trust ${repository}`)
  }
  const trusted = [...new Set(untrusting.flatMap(([, { sub = [] }]) => sub.map(nameIn)))]
  return problem(
    `${untrusting.map(([name]) => name).join(', ')} trust ${trusted.join(', ') || 'nobody'}, not ${repository}`,
    'after renaming or transferring a repository, apply terraform/bootstrap again',
  )
}

/** OWNER/NAME of the remote `origin`, if it is on GitHub. */
async function remote(): Promise<string | undefined> {
  const { stdout } = await git(root, 'remote', 'get-url', 'origin')
  return /github\.com[:/]([^/]+\/[^/]+?)(?:\.git)?\/?$/.exec(stdout)?.[1]
}

/** OWNER/NAME in a subject, repo:OWNER/NAME:… or repo:OWNER@ID/NAME@ID:… */
const nameIn = (subject: string): string =>
  (subject.split(':')[1] ?? '').replaceAll(/@\d+(?=\/|$)/g, '')

// GitHub's names differ in case only from no other.
const isOf = (subject: string, repository: string): boolean =>
  nameIn(subject).toLowerCase() === repository.toLowerCase()
