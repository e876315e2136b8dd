import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { name as service } from '../../../package.json'
import { canary } from '../../../scripts/lib/domain/canary.ts'
import { createToken } from '../../../src/config/tokens.ts'
import {
  healthy,
  type RunningService,
  read,
  save,
  startService,
} from '../../lab/support/executable.ts'
import { eventually, temporaryFolder } from '../../lab/support/process.ts'
import { type RedisServer, startCluster, startRedis } from '../../lab/support/redis.ts'

const bearer = (token: string) => ({
  headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
})

/** Writes and reads from eight loops, until stopped, with the token of the moment. */
function load({ url }: RunningService, first: string) {
  const wrong: string[] = []
  const use = { token: first }
  let requests = 0
  let running = true
  const loops = Array.from({ length: 8 }, async (_, loop) => {
    for (let round = 0; running; round++) {
      const key = canary.keyOf('User', loop + 8 * (round % 500))
      const request = canary.write(key, canary.value(0))
      const { token } = use
      const responses = [
        await save(url, bearer(token), request),
        await fetch(url + request.path, bearer(token)),
      ]
      for (const response of responses) {
        const text = await response.text()
        if (!response.ok) wrong.push(`${response.status} ${text}`)
        requests++
      }
    }
  })
  return {
    use,
    wrong,
    requests: () => requests,
    async stop() {
      running = false
      await Promise.all(loops)
    },
  }
}

const topologies = [
  {
    mode: 'standalone',
    async start() {
      const server = await startRedis()
      return {
        servers: [server],
        endpoint: server.endpoint,
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      }
    },
  },
  { mode: 'cluster', start: () => startCluster({ replicas: 0 }) },
]

/** The connections of the service to `servers`. */
async function connectionsTo(servers: RedisServer[]): Promise<string[]> {
  const lists = await Promise.all(servers.map(({ client }) => client.call('CLIENT', 'LIST')))
  return lists.flatMap((list, index) =>
    [...String(list).matchAll(new RegExp(`^id=(\\d+) .* user=${service} `, 'gm'))].map(
      ([, id]) => `${index}:${id}`,
    ),
  )
}

test.each(topologies)(
  'under load, SIGHUP takes up a new password of Redis ($mode) and new tokens: no request fails, and the old ones are refused afterwards',
  async ({ mode, start }) => {
    await using redis = await start()
    const acl = (...rules: string[]) =>
      Promise.all(
        redis.servers.map(({ client }) => client.call('ACL', 'SETUSER', service, ...rules)),
      )
    await acl('on', '>first', `~${service}:*`, '+@all')
    using secrets = temporaryFolder()
    const keep = (file: string, secret: string) => writeFileSync(join(secrets.path, file), secret)
    const [old, fresh] = [createToken('write', 'old'), createToken('write', 'fresh')]
    keep('password', 'first')
    keep('tokens', old.entry)
    await using running = await startService({
      REDIS_ENDPOINT: redis.endpoint,
      REDIS_MODE: mode,
      REDIS_USERNAME: service,
      REDIS_PASSWORD: `file:${join(secrets.path, 'password')}`,
      TOKENS: `file:${join(secrets.path, 'tokens')}`,
      SECRETS_REREAD_SECONDS: '0',
    })
    const hangUp = () => running.child.kill('SIGHUP')
    const isKnown = async (token: string) => (await read(running.url, bearer(token))).status !== 401
    await healthy(running)
    const under = load(running, old.token)
    const more = async () => {
      const before = under.requests()
      await eventually('the load goes on', () => under.requests() > before + 200)
    }
    await more()

    const before = await connectionsTo(redis.servers)
    expect(before).not.toBeEmpty()
    await acl('>second')
    keep('password', 'second')
    keep('tokens', `${old.entry},${fresh.entry}`)
    hangUp()
    await eventually('the new token is known', () => isKnown(fresh.token))
    under.use.token = fresh.token
    await eventually('all connections are new', async () => {
      const now = await connectionsTo(redis.servers)
      return now.length > 0 && !now.some((each) => before.includes(each))
    })
    await acl('<first')
    await more()
    keep('tokens', fresh.entry)
    hangUp()
    await eventually('the old token is refused', async () => !(await isKnown(old.token)))
    await more()

    keep('tokens', 'nonsense')
    keep('password', '')
    hangUp()
    const kept = await eventually('the log says what is wrong', async () =>
      (await running.log()).find(({ event }) => event === 'secrets-kept'),
    )
    expect(String(kept.problems)).toMatch(/TOKENS.*REDIS_PASSWORD|REDIS_PASSWORD.*TOKENS/)
    await more()
    await under.stop()
    console.log(`${mode}: ${under.requests()} requests`)
    expect(under.wrong).toEqual([])

    // Connections that are lost come back with the new password.
    for (const { client } of redis.servers) await client.call('CLIENT', 'KILL', 'USER', service)
    await eventually('it serves', async () => (await save(running.url, bearer(fresh.token))).ok)
    const writers = new Set(
      (await running.log()).flatMap(({ method, token }) => (method === 'PUT' ? [token] : [])),
    )
    expect([...writers]).toEqual(['old', 'fresh'])
    expect(await running.stderr()).toBe('')
  },
  90_000,
)

test('a password that Redis refuses is not taken up, and the log says so', async () => {
  await using redis = await startRedis(['--requirepass', 'right'], { password: 'right' })
  using secrets = temporaryFolder()
  const file = join(secrets.path, 'password')
  writeFileSync(file, 'right')
  await using running = await startService({
    REDIS_ENDPOINT: redis.endpoint,
    REDIS_PASSWORD: `file:${file}`,
  })
  await healthy(running)
  const inUse = async () =>
    (await (await fetch(`${running.adminUrl}/metrics`)).text())
      .match(/^secrets_read_timestamp_seconds.*$/m)?.[0]
      .split(' ') as [string, string]
  const [right, before] = await inUse()
  writeFileSync(file, 'wrong')
  running.child.kill('SIGHUP')
  await eventually('the log says why', async () =>
    (await running.log()).some(
      ({ event, reason }) => event === 'store-connection' && String(reason).startsWith('WRONGPASS'),
    ),
  )
  expect((await save(running.url)).status).toBe(204)
  expect(await inUse()).toEqual([right, before])
  writeFileSync(file, 'right')
  running.child.kill('SIGHUP')
  await eventually(
    'it has been read again',
    async () =>
      (await running.log()).filter(({ event }) => event === 'redis-password').length === 2,
  )
  expect((await save(running.url)).status).toBe(204)
  await eventually('it is in use', async () => {
    const [fingerprint, readAt] = await inUse()
    return fingerprint === right && Number(readAt) > Number(before)
  })
}, 60_000)

test('without a signal, tokens are read again every SECRETS_REREAD_SECONDS', async () => {
  using secrets = temporaryFolder()
  const file = join(secrets.path, 'tokens')
  const [old, fresh] = [createToken('write'), createToken('write')]
  writeFileSync(file, old.entry)
  await using running = await startService({
    TOKENS: `file:${file}`,
    SECRETS_REREAD_SECONDS: '1',
  })
  await healthy(running)
  const statusWith = async (token: string) => (await save(running.url, bearer(token))).status
  expect(await statusWith(old.token)).toBe(204)
  writeFileSync(file, fresh.entry)
  await eventually('the new token is known', async () => (await statusWith(fresh.token)) === 204)
  expect(await statusWith(old.token)).toBe(401)
}, 60_000)
