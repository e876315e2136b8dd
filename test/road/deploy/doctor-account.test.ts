import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { ENDPOINTS } from '../../../scripts/lib/doctor/network.ts'
import { root } from '../../../scripts/lib/service.ts'
import type { Finding } from '../../../scripts/lib/verify/finding.ts'
import { useWard, ward } from './fixtures/environment.ts'
import { GROUP } from './fixtures/scene.ts'
import { PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

useWard()

const HOUR_MS = 3_600_000

describe('the network', () => {
  test('is ill without an endpoint', async () => {
    ward.account.endpoints.pop()
    await ward.finds('endpoints', /^vpc-\w+ has no endpoint for logs$/, /apply/)
  })

  test('needs no endpoints where instances have public addresses, and else names each', async () => {
    ward.account.endpoints = []
    ward.account.publicAddresses = true
    expect(await ward.well('endpoints')).toBe(
      'none, and none needed: each instance has a public address',
    )
    ward.account.publicAddresses = false
    expect(await ward.find('endpoints')).toHaveLength(3)
  })

  test.each([
    [{ state: 'pending' }, /for ssm is pending$/],
    [{ privateDns: false }, /for ssm has no private DNS/],
    [{ subnets: ['subnet-0aaaaaaaaaaaaaaaa'] }, /for ssm is not in subnet-0b+$/],
  ])('is ill when an endpoint has %j', async (change, what) => {
    Object.assign(ward.account.endpoints[0] ?? {}, change)
    await ward.finds('endpoints', what, /apply/)
  })

  test('is ill when another endpoint is not available', async () => {
    const gateway = { type: 'Gateway', state: 'failed', privateDns: false, subnets: [] } as const
    ward.account.endpoints.push({ ...gateway, service: 's3', subnets: [] })
    await ward.finds('endpoints', /for s3 is failed$/, /replace/)
  })

  test('is ill without addresses for a rollout', async () => {
    Object.assign(ward.account.subnets[1] ?? {}, { free: 10 })
    await ward.finds(
      'addresses',
      /^subnet-0b+ has 10 free addresses, .* needs 19 more there$/,
      /vpc_cidr/,
    )
  })

  test('has the endpoints that are checked', () => {
    const text = readFileSync(join(root, 'terraform/network.tf'), 'utf8')
    expect(text).toContain(`: ${JSON.stringify(ENDPOINTS).replaceAll(',', ', ')})`)
  })
})

describe('quotas', () => {
  test('are ill when a rollout at the maximum size would not fit', async () => {
    ward.account.quotas.set('L-1216C47A', 32)
    await ward.finds(
      'quotas',
      /^the quota is 32 vCPUs .*, but a rollout at 20 instances of t4g\.small takes 80$/,
      /--quota-code L-1216C47A --desired-value 80/,
    )
  })

  test('are known by their defaults, where nobody has raised them', async () => {
    ward.account.defaultQuotas.set('L-7E6692B2', 30)
    await ward.finds('quotas', /^the quota is 30 targets .* takes 40$/, /L-7E6692B2/)
    ward.recover()
    ward.account.defaultQuotas.clear()
    expect((await ward.find('quotas')).map(({ status }) => status)).toEqual(['ok', 'unknown'])
  })
})

describe('the store', () => {
  test.each([
    [
      /^MemoryDB is updating$/,
      () => Object.assign(ward.account.store ?? {}, { status: 'updating' }),
    ],
    [
      /^the MemoryDB node .*-0001-002 is recovering$/,
      () => ward.account.store?.nodes.set(`${GROUP}-0001-002`, 'recovering'),
    ],
  ])('is ill: %p', async (what, change) => {
    change()
    await ward.finds('store', what, /events/)
  })

  test('may be ElastiCache', async () => {
    Object.assign(ward.account.store ?? {}, { engine: 'elasticache' })
    expect(await ward.well('store')).toBe('ElastiCache is available, with 2 nodes')
    Object.assign(ward.account.store ?? {}, { status: 'modifying' })
    await ward.finds('store', /^ElastiCache is modifying$/, /events/)
  })

  test('is ill when it is gone', async () => {
    ward.account.store = undefined
    await ward.finds('store', /^there is neither a MemoryDB cluster nor/, /snapshot/)
  })
})

describe('parameters', () => {
  const tokens = `/${name}/production/tokens`

  test('are ill when one is gone', async () => {
    ward.account.parameters.delete(tokens)
    await ward.finds('parameters', new RegExp(`^the parameter ${tokens} does not exist`), /secrets/)
  })

  test('are ill when one is not encrypted', async () => {
    ward.account.parameters.set(tokens, 'String')
    await ward.finds('parameters', /is a String, not encrypted$/, /SecureString/)
  })
})

describe('the certificate', () => {
  beforeAll(() => {
    ward.scene.plane.group.https = true
  })
  afterAll(() => {
    ward.scene.plane.group.https = false
  })
  const certificate = async () => {
    const outputs = {
      url: 'https://service.example.com',
      group: GROUP,
      region: undefined,
      alarms: [],
    }
    return await ward.find('certificate', { terraform: undefined as never, outputs })
  }

  test('is well when it is issued, used, renewable and for the name', async () => {
    const [found] = await certificate()
    expect(found?.status).toBe('ok')
    expect(found?.text).toMatch(/^service\.example\.com until \d{4}-\d\d-\d\d, in 99 days/)
    ward.account.certificate.domain = '*.example.com'
    expect((await certificate())[0]?.status).toBe('ok')
  })

  test.each([
    [{ status: 'PENDING_VALIDATION' }, /is PENDING_VALIDATION$/, /certificate_records/],
    [{ domain: 'other.example.com' }, /does not fit service\.example\.com/, /set domain/],
    [{ domain: '*.com' }, /does not fit/, /set domain/],
    [{ inUse: false }, /does not know that the load balancer uses/, /apply/],
    [{ renewable: false }, /^ACM will not renew/, /DNS/],
    [{ renewal: 'PENDING_VALIDATION' }, /^the renewal of .* is PENDING_VALIDATION$/, /again/],
    [{ notAfter: Date.now() + 240 * HOUR_MS }, /expires in 9 days$/, /DNS record/],
    [{ notAfter: Date.now() - HOUR_MS }, /has expired$/, /DNS record/],
  ])('is ill with %j', async (change, what, todo) => {
    Object.assign(ward.account.certificate, change)
    expect(await certificate()).toEqual([
      {
        status: 'problem',
        text: expect.stringMatching(what),
        todo: expect.stringMatching(todo),
      } as unknown as Finding,
    ])
  })
})
