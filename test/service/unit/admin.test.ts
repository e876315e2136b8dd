import { expect, test } from 'bun:test'
import { createAdminApp } from '../../../src/admin.ts'
import { noMetrics } from '../../lab/support/app.ts'

test('operators get the metrics, and whether the store answers; HEAD the length alone, and anything else what there is', async () => {
  let ping = async () => {}
  const metrics = { ...noMetrics, text: async () => 'über 1\n' }
  const app = createAdminApp({ ping: () => ping() }, metrics)
  const ask = async (path: string, method = 'GET'): Promise<Record<string, unknown>> => {
    const response = await app.request(path, { method })
    return {
      ...{ status: response.status, body: await response.text() },
      ...response.headers.toJSON(),
    }
  }
  const text = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'content-length': '8' }
  expect(await ask('/metrics')).toEqual({ status: 200, body: 'über 1\n', ...text })
  expect(await ask('/metrics', 'HEAD')).toEqual({ status: 200, body: '', ...text })
  const ready = { status: 200, body: '{"status":"ready"}', 'content-type': 'application/json' }
  expect(await ask('/ready')).toEqual({ ...ready, 'content-length': '18' })
  ping = async () => {
    throw new Error('it is down')
  }
  expect(await ask('/ready')).toMatchObject({
    status: 503,
    body: '{"status":"not ready","reason":"it is down"}',
  })
  for (const path of ['/metrics', '/ready'])
    expect(await ask(path, 'POST')).toMatchObject({
      status: 405,
      allow: 'GET, HEAD',
      body: '{"status":"method not allowed"}',
    })
  expect(await ask('/hc')).toMatchObject({
    status: 404,
    body: '{"status":"not found","paths":["/metrics","/ready"]}',
  })
})
