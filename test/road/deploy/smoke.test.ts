import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Ran } from '../../lab/support/command.ts'
import { freePort } from '../../lab/support/process.ts'
import { PATIENCE_MS, runScript } from './fixtures/script.ts'
import { type Service, startService } from './fixtures/service.ts'

setDefaultTimeout(PATIENCE_MS)

const TOKEN = 'write-token'
const smoke = async (...args: string[]): Promise<Ran> => await runScript('smoke', args)

describe('smoke, against the service', () => {
  let open: Service
  let guarded: Service
  beforeAll(async () => {
    const hash = new Bun.CryptoHasher('sha256').update(TOKEN).digest('hex')
    ;[open, guarded] = await Promise.all([
      startService({}),
      startService({ TOKENS: `write:${hash}` }),
    ])
  })
  afterAll(async () => {
    await Promise.all([open.stop(), guarded.stop()])
  })

  test('passes when the whole contract is kept', async () => {
    const { code, out, err } = await smoke(open.url)
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(Number(/(\d+) checks passed/.exec(out)?.[1])).toBeGreaterThan(40)
  })

  test('passes with a token', async () => {
    const { code, err } = await smoke(guarded.url, '--token', TOKEN)
    expect(err).toBe('')
    expect(code).toBe(0)
  })

  test('checks only what is public, and says so, without the token that the service requires', async () => {
    const { code, out } = await smoke(guarded.url)
    expect(code).toBe(0)
    expect(out).toContain('the rest needs --token')
  })

  test('goes through no proxy to a service on this machine', async () => {
    const proxy = `http://127.0.0.1:${freePort()}`
    const env = { http_proxy: proxy, https_proxy: proxy, ALL_PROXY: proxy, all_proxy: proxy }
    for (const url of [open.url, open.url.replace('127.0.0.1', 'localhost')]) {
      const { code, err } = await runScript('smoke', [url], env)
      expect([code, err]).toEqual([0, ''])
    }
  })

  test('says what was asked, what is wrong, and which line says so, when the release differs', async () => {
    const { code, err } = await smoke(open.url, '--expect-release', 'f'.repeat(40))
    expect(code).toBe(1)
    expect(err).toStartWith(
      `smoke: GET /version at ${open.url}: the body does not match: .version ==`,
    )
    expect(err).toMatch(/^ {2}response {2}200 \{"version"/m)
    expect(err).toMatch(/^ {2}check {5}.*\.version == .*\(smoke, line \d+\)$/m)
  })

  test('fails with a token that is not accepted', async () => {
    const { code, err } = await smoke(guarded.url, '--token', 'wrong')
    expect(code).toBe(1)
    expect(err).toContain('status 401, expected ')
    expect(err).toMatch(/\(smoke\.sh, line \d+\)$/m)
  })
})

describe('smoke, against a service that', () => {
  test.each([
    [
      'is not healthy',
      '/hc',
      Response.json({ status: 'starting' }, { status: 503 }),
      'is_status 200',
    ],
    ['reports ok in another form', '/hc', Response.json({ status: 'OK' }), 'is_json'],
  ])('%s, fails with that line', async (_, path, answer, line) => {
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request) =>
        new URL(request.url).pathname === path
          ? (answer.clone() as Response)
          : new Response('', { status: 404 }),
    })
    const { code, err } = await smoke(server.url.origin)
    await server.stop(true)
    expect(code).toBe(1)
    expect(err).toStartWith(`smoke: GET ${path} at ${server.url.origin}: `)
    expect(err).toMatch(new RegExp(`^ {2}check {5}${line}.* \\(smoke, line \\d+\\)$`, 'm'))
  })

  test('does not answer, fails', async () => {
    const url = `http://127.0.0.1:${freePort()}`
    const { code, err } = await smoke(url)
    expect(code).toBe(1)
    expect(err).toStartWith(`smoke: GET /hc at ${url}: no response (curl: `)
    expect(err).not.toContain('  response')
  })
})

describe('smoke refuses', () => {
  test.each([
    [[], "needs the URL of a service, got ''"],
    [['here'], "needs the URL of a service, got 'here'"],
    [['http://a', 'http://b'], "'http://b' is one argument too many"],
    [['http://a', '--fast'], "unknown option '--fast'"],
    [['http://a', '--token'], '--token needs a value'],
    [['http://a', '--timezone', 'Mars'], "there is no time zone 'Mars' in "],
    [['http://a', '--timezone', ''], "there is no time zone '' in "],
  ])('%j with exit code 2 and one line that says why', async (args, message) => {
    const { code, err } = await smoke(...args)
    expect(code).toBe(2)
    expect(err).toContain(message)
    expect(err).toEndWith(' (scripts/smoke --help)\n')
  })
})
