import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { ROLES } from '../../../scripts/lib/doctor/pipelines.ts'
import { startWard, type Ward } from './fixtures/environment.ts'
import { GROUP } from './fixtures/scene.ts'
import { PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

const IDS = { repository_owner_id: '12', repository_id: '34' }
const MAIN = 'ref:refs/heads/main'
const CONTEXTS: Record<string, string> = {
  plan: MAIN,
  bake: MAIN,
  deploy: 'environment:production',
  rollback: 'environment:production-rollback',
}

/** As terraform/bootstrap/github.tf makes them. */
const trustIn = (context: string): Record<string, string | string[]> => ({
  aud: 'sts.amazonaws.com',
  sub: [`repo:acme/notes:${context}`, `repo:acme@12/notes@34:${context}`],
  ...IDS,
})

let ward: Ward
let claims: Record<string, string>
const github = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: (request) => {
    const isAsked = new URL(request.url).searchParams.get('audience') === 'sts.amazonaws.com'
    if (!isAsked || request.headers.get('authorization') !== 'bearer secret') {
      return new Response('no', { status: 401 })
    }
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    return Response.json({ value: `${part({})}.${part(claims)}.signature` })
  },
})

const within = (sub: string, ids = IDS): void => {
  claims = { aud: 'sts.amazonaws.com', sub, ...ids }
  process.env.ACTIONS_ID_TOKEN_REQUEST_URL = `${github.url.origin}/token?api-version=2`
  process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN = 'secret'
}

beforeAll(async () => {
  ward = await startWard()
  delete process.env.ACTIONS_ID_TOKEN_REQUEST_URL
})
afterEach(() => {
  ward.recover()
  delete process.env.ACTIONS_ID_TOKEN_REQUEST_URL
  delete process.env.GITHUB_REPOSITORY
})
afterAll(async () => {
  await ward.stop()
  await github.stop(true)
})

/** As 'output -raw workflows' of terraform/bootstrap prints it, with the service's URL. */
const settings = () => ({
  account: '123456789012',
  region: 'eu-west-1',
  roles: `arn:aws:iam::123456789012:role/${GROUP}-github-`,
  url: ward.scene.fleet.url.replace(/\/$/, ''),
})
const linesOf = (said: object) =>
  Object.entries(said)
    .flatMap(([key, value]) => (value ? `${key}=${value}` : []))
    .join('\n')

const trustAll = (): void => {
  ward.settings = linesOf(settings())
  for (const role of ROLES) {
    ward.account.trust.set(`${GROUP}-github-${role}`, trustIn(CONTEXTS[role] ?? ''))
  }
}

describe('pipelines', () => {
  test('are well without roles', async () => {
    expect(await ward.well('pipelines')).toContain('shipped by hand')
  })

  test('are ill when only some roles are there', async () => {
    trustAll()
    process.env.GITHUB_REPOSITORY = 'acme/notes'
    ward.account.trust.delete(`${GROUP}-github-rollback`)
    await ward.finds('pipelines', /^there is no role .*-github-rollback$/, /bootstrap/)
  })

  test.each([
    ['account', '210987654321'],
    ['region', 'eu-west-2'],
    ['roles', 'arn:aws:iam::210987654321:role/mallory-'],
    ['url', 'https://evil.example'],
    ['url', undefined],
  ] as const)('are ill when the workflows go by the %s %p', async (key, wrong) => {
    trustAll()
    process.env.GITHUB_REPOSITORY = 'acme/notes'
    ward.settings = linesOf({ ...settings(), [key]: wrong })
    await ward.finds(
      'pipelines',
      new RegExp(`^\\.github/aws\\.env ${wrong ? `says ${key}=${wrong}` : `has no ${key}`}$`),
      new RegExp(`^it is ${settings()[key]}: correct it there`),
    )
  })

  test('are ill when nothing that workflows go by is committed', async () => {
    trustAll()
    process.env.GITHUB_REPOSITORY = 'acme/notes'
    ward.settings = undefined
    await ward.finds('pipelines', /^there is no \.github\/aws\.env/, /output -raw workflows/)
  })

  test('are well when the roles trust this repository, whatever its case', async () => {
    trustAll()
    process.env.GITHUB_REPOSITORY = 'Acme/notes'
    expect(await ward.well('pipelines')).toBe('plan, bake, deploy, rollback trust Acme/notes')
  })

  test('are ill when they trust another, as after a renaming', async () => {
    trustAll()
    process.env.GITHUB_REPOSITORY = 'acme/diary'
    await ward.finds(
      'pipelines',
      /^plan, bake, deploy, rollback trust acme\/notes, not acme\/diary$/,
      /renaming/,
    )
  })

  test.each([
    ['repo:acme/notes:ref:refs/heads/main', 'plan, bake'],
    ['repo:acme@12/notes@34:environment:production', 'deploy'],
  ])('tell which roles accept the token with the subject %s', async (sub, roles) => {
    trustAll()
    within(sub)
    expect(await ward.well('pipelines')).toBe(`the subject ${sub} may assume ${roles}`)
  })

  test('are ill when the token is of no place that a role accepts', async () => {
    trustAll()
    within('repo:acme@12/notes@34:ref:refs/heads/fix')
    await ward.finds('pipelines', /accepts the subject .*fix, though all know/, /from main/)
  })

  test('are ill when the token is of another repository with this name, and name its numbers', async () => {
    trustAll()
    within('repo:acme@12/notes@56:ref:refs/heads/main', { ...IDS, repository_id: '56' })
    await ward.finds(
      'pipelines',
      /^no role accepts the subject repo:acme@12\/notes@56:/,
      /-var repository=acme@12\/notes@56$/,
    )
  })
})
