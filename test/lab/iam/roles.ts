import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, service } from '../../../scripts/lib/service.ts'
import { administrators, type Callers } from '../aws-double/access.ts'
import { cache } from '../support/tools.ts'
import { Principal } from './principal.ts'
import { type Attached, NoProvider, renderPolicies } from './render.ts'

/** Who acts, by what their policies are attached to: a role of a pipeline or a machine, or a policy given to people. */
const ATTACHED_TO = {
  plan: 'NAME-github-plan',
  bake: 'NAME-github-bake',
  deploy: 'NAME-github-deploy',
  rollback: 'NAME-github-rollback',
  builder: 'SERVICE-bake',
  instance: 'NAME-instance',
  automation: 'NAME-automation',
  runbook: 'NAME-runbook',
  flowLogs: 'NAME-flow-logs',
  operator: 'NAME-operator',
  onDuty: 'NAME-rollback',
  secrets: 'NAME-secrets',
  backup: 'NAME-backup',
  shell: 'NAME-shell',
} as const

export type Role = keyof typeof ATTACHED_TO

export type Roles = Record<Role, Principal>

/** The session name of everybody, and so the name that the scripts know them by. */
const SESSION = 'alice'

/**
 * Everybody with the policies that Terraform renders for them, in one environment. Rendering takes some seconds, so the
 * result is kept in test/.cache until the configuration changes. Throws NoProvider if Terraform has none here.
 */
export async function rolesOf(environment: string): Promise<Roles> {
  const attached = await cachedPolicies(environment)
  const name = `${service.name}-${environment}`
  const principals = Object.entries(ATTACHED_TO).map(([role, pattern]) => {
    const to = pattern.replace('NAME', name).replace('SERVICE', service.name)
    const policies = attached[to]
    if (!policies) throw new Error(`nothing is attached to ${to}: ${Object.keys(attached)}`)
    return [role, new Principal(to, SESSION, policies)]
  })
  return Object.fromEntries(principals)
}

/** The access key with which `role` signs; for AWS_ACCESS_KEY_ID. */
export const accessKeyOf = (role: Role | 'administrator'): string => `AKIA${role.toUpperCase()}`

/** The roles of an environment, and an administrator, by their access keys. */
export async function callersOf(environment: string): Promise<Callers> {
  const roles = Object.entries(await rolesOf(environment))
  const byKey = new Map(roles.map(([role, principal]) => [accessKeyOf(role as Role), principal]))
  const administrator = accessKeyOf('administrator')
  return (key) => (key === administrator ? administrators(key) : byKey.get(key))
}

/** The same; where Terraform has no provider, anybody may do anything, and `leftOut` says why. */
export async function callersHere(
  environment: string,
): Promise<{ callers: Callers; leftOut?: string }> {
  try {
    return { callers: await callersOf(environment) }
  } catch (error) {
    if (!(error instanceof NoProvider)) throw error
    return { callers: administrators, leftOut: error.message }
  }
}

const rendered = new Map<string, Promise<Attached>>()

function cachedPolicies(environment: string): Promise<Attached> {
  const known = rendered.get(environment) ?? readOrRender(environment)
  rendered.set(environment, known)
  return known
}

async function readOrRender(environment: string): Promise<Attached> {
  const path = join(cache, `policies-${environment}-${hashOfSources()}.json`)
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'))
  if (!Bun.which('terraform')) throw new NoProvider('Terraform is not installed')
  const policies = await renderPolicies(environment)
  mkdirSync(cache, { recursive: true })
  // Renamed, so that no other process reads half of it.
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(policies))
  renameSync(`${path}.${process.pid}`, path)
  return policies
}

const SOURCES = [
  'package.json',
  'terraform/**/*.{tf,hcl,tftpl,json,yaml}',
  'test/lab/iam/{render,document}.ts',
]

/** Of everything that the policies are made from, and what makes them. */
function hashOfSources(): string {
  const paths = SOURCES.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(root)])
  const hash = new Bun.CryptoHasher('sha256')
  for (const path of paths.sort()) hash.update(path).update(readFileSync(join(root, path)))
  return hash.digest('hex').slice(0, 16)
}
