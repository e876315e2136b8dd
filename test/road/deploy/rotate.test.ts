import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { name as service } from '../../../package.json'
import { canary } from '../../../scripts/lib/domain/canary.ts'
import { root } from '../../../scripts/lib/service.ts'
import { createToken } from '../../../src/config/tokens.ts'
import { accountOf, type Store } from '../../lab/aws-double/account.ts'
import type { CommandResult } from '../../lab/aws-double/driver.ts'
import { commands } from '../../lab/aws-double/wire/json.ts'
import { ended, type Ran, run } from '../../lab/support/command.ts'
import { healthy, type RunningService, save, startService } from '../../lab/support/executable.ts'
import { eventually, temporaryFolder } from '../../lab/support/process.ts'
import { type RedisServer, startRedis } from '../../lab/support/redis.ts'
import { awsEnvironment, OLD_IMAGE, type Scene, startScene } from './fixtures/scene.ts'
import { runScript, spawnScript } from './fixtures/script.ts'

setDefaultTimeout(120_000)

const at = (secret: string) => `/${service}/production/${secret}`
const bearer = (token: string) => ({
  headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
})

let scene: Scene
let redis: RedisServer
/** The executable on each instance. */
const executables = new Map<string, RunningService>()
const [first, other] = [createToken('write', 'shop'), createToken('read', 'other')]

const values = () => accountOf(scene.plane).values
const store = () => accountOf(scene.plane).store as Store

/** Runs the document on the executable of an instance: `systemctl reload` is a SIGHUP. */
async function reload(id: string): Promise<CommandResult> {
  const { child, adminUrl } = executables.get(id) as RunningService
  const { mainSteps } = Bun.YAML.parse(
    await Bun.file(join(root, 'terraform/documents/reload.yaml')).text(),
  ) as { mainSteps: { inputs: { runCommand: string[] } }[] }
  const script = `${mainSteps[0]?.inputs.runCommand.join('\n')}`
    .replace('. /usr/local/lib/app/defaults.env', `FIRST_ADMIN_PORT=${new URL(adminUrl).port}`)
    .replace('$(nproc)', '1')
    .replace("systemctl reload 'app@*'", `kill -HUP ${child.pid}`)
    .replace('tries=10', 'tries=2')
    .replace('logger -t app-ops reload', '')
  const { code, out, err } = await run(['sh', '-c', script])
  return { exitCode: code, stdout: out, stderr: err }
}

const acl = (...rules: string[]) => redis.client.call('ACL', 'SETUSER', service, ...rules)

beforeAll(async () => {
  redis = await startRedis()
  scene = await startScene({ behaviours: { [OLD_IMAGE]: { commands: { reload } } }, instances: 2 })
  store().takeUp = async (passwords) => {
    await acl('resetpass', ...passwords.map((password) => `>${password}`))
  }
})
afterAll(async () => {
  for (const running of executables.values()) await running[Symbol.asyncDispose]()
  await scene?.stop()
  await redis?.[Symbol.asyncDispose]()
})

beforeEach(async () => {
  scene.double.faults.clear()
  values().clear()
  values().set(at('redis-password'), 'first-password')
  values().set(at('tokens'), `${first.entry},${other.entry}`)
  await acl('on', 'resetpass', '>first-password', `~${service}:*`, '+@all')
  store().passwords = ['first-password']
  for (const [id, running] of executables) {
    executables.delete(id)
    await running[Symbol.asyncDispose]()
  }
  for (const { id } of scene.plane.instances) {
    const running = await startService({
      ...awsEnvironment(scene.double.url, 'instance'),
      REDIS_ENDPOINT: redis.endpoint,
      REDIS_USERNAME: service,
      REDIS_PASSWORD: `ssm:${at('redis-password')}`,
      TOKENS: `ssm:${at('tokens')}`,
      SECRETS_REREAD_SECONDS: '0',
    })
    executables.set(id, running)
    await healthy(running)
  }
})

const QUICK = ['--poll-seconds', '0.05', '--timeout-seconds', '20']
const secrets = async (...args: string[]): Promise<Ran> =>
  await runScript('secrets', [...QUICK, ...args], scene.as('secrets'))

/** Writes and reads on all instances, until stopped, with the token of the moment. */
function load(token: string) {
  const wrong: string[] = []
  const use = { token }
  let requests = 0
  let running = true
  const loops = [...executables.values()].flatMap(({ url }, place) =>
    [0, 1, 2].map(async (loop) => {
      for (let round = 0; running; round++) {
        const user = canary.keyOf('User', 10 * place + loop + 100 * (round % 500))
        const write = canary.write(user, canary.value(round))
        for (const response of [
          await save(url, bearer(use.token), write),
          await fetch(url + write.path, bearer(use.token)),
        ]) {
          const text = await response.text()
          if (!response.ok) wrong.push(`${response.status} ${text}`)
          requests++
        }
      }
    }),
  )
  return {
    use,
    more: async () => {
      const before = requests
      await eventually('the load goes on', () => requests > before + 200)
    },
    async stop() {
      running = false
      await Promise.all(loops)
      expect(wrong).toEqual([])
      return requests
    },
    async [Symbol.asyncDispose]() {
      running = false
      await Promise.all(loops)
    },
  }
}

const NOBODY = canary.readNothing(canary.keyOf('Nobody', 0))

/** What each instance answers to this token. */
const statuses = async (token: string): Promise<number[]> =>
  await Promise.all(
    [...executables.values()].map(
      async ({ url }) => (await fetch(url + NOBODY.path, bearer(token))).status,
    ),
  )

const login = async (password: string): Promise<string> =>
  await redis.client
    .duplicate()
    .call('AUTH', service, password)
    .then(String, (error) => String(error))

test.each(['memorydb', 'elasticache'] as const)(
  'rotate password under load: no request fails, %s refuses the former one when the command ends, and instances come back with the new one',
  async (engine) => {
    store().engine = engine
    // The policy of the environment names its engine.
    const env = engine === 'memorydb' ? scene.as('secrets') : { ...scene.env, ...administrator() }
    await using under = load(first.token)
    await under.more()
    const { code, out, err } = await runScript('secrets', ['rotate', 'password', ...QUICK], env)
    expect({ code, err }).toMatchObject({ code: 0 })
    expect(err.match(/^step \d of 5/gm)).toHaveLength(5)
    expect(out).toMatch(/refuses the former password from now on/)
    expect(await login('first-password')).toMatch(/^ReplyError: WRONGPASS/)
    await under.more()
    console.log(`${engine}: ${await under.stop()} requests, none failed`)
    // Those with the former password would be refused now.
    await redis.client.call('CLIENT', 'KILL', 'USER', service)
    await eventually('they come back', async () => {
      const answers = [...executables.values()].map(({ url }) => save(url, bearer(first.token)))
      return (await Promise.all(answers)).every(({ ok }) => ok)
    })
    const now = values().get(at('redis-password'))
    expect(store().passwords).toEqual([now as string])
    expect([...values().keys()].sort()).toEqual([at('redis-password'), at('tokens')])
    store().engine = 'memorydb'
  },
)

const administrator = () => ({ AWS_ACCESS_KEY_ID: 'AKIAADMINISTRATOR' })

test.each([
  ['UpdateUser', 1, 'every instance uses the former password'],
  ['SendCommand', 3, 'the store accepts both passwords and no request fails'],
])(
  'a rotation that fails at %s says in which step and what is so, and the same command goes on',
  async (action, step, standing) => {
    await using under = load(first.token)
    scene.double.faults.add(new RegExp(action), {
      kind: 'error',
      code: 'InternalFailure',
      message: 'out of order',
    })
    const failed = await secrets('rotate', 'password', '--timeout-seconds', '1')
    expect(failed.code).not.toBe(0)
    expect(failed.err).toContain(`step ${step} of 5, "`)
    expect(failed.err).toContain(`Until it is done, ${standing}`)
    expect(failed.err).toContain('To go on: scripts/secrets rotate password')
    const next = values().get(at('redis-password-next'))
    await under.more()
    scene.double.faults.clear()
    expect(await secrets('rotate', 'password')).toMatchObject({ code: 0 })
    await under.stop()
    expect(values().get(at('redis-password'))).toBe(next)
    expect(await login(next ?? '')).toBe('OK')
    expect(await login('first-password')).toMatch(/WRONGPASS/)
  },
)

test('a rotation that was killed leaves the lock, refuses the next one by name, and goes on with --take-over', async () => {
  await using under = load(first.token)
  scene.behave(OLD_IMAGE, { commands: { reload: { exitCode: 1, stdout: '', stderr: 'not yet' } } })
  const before = commands(scene.plane).length
  const killed = spawnScript('secrets', ['rotate', 'password', ...QUICK], scene.as('secrets'))
  await eventually('it waits for instances', () => commands(scene.plane).length > before)
  const beside = await secrets('rotate', 'password')
  expect(beside.code).toBe(1)
  expect(beside.err).toContain('are being changed (rotate password by alice, since 20')
  killed.kill('SIGKILL')
  await ended(killed)
  scene.behave(OLD_IMAGE, { commands: { reload } })
  expect((await secrets('--add-token', 'read', '--label', 'x')).err).toContain('--take-over')
  expect(await secrets('rotate', 'password', '--take-over')).toMatchObject({ code: 0 })
  await under.stop()
  expect(await login('first-password')).toMatch(/WRONGPASS/)
})

test('an instance that does not take up the new password keeps the former one valid, and is named', async () => {
  const [id = ''] = executables.keys()
  const reluctant = executables.get(id) as RunningService
  const read = scene.behave
  read(OLD_IMAGE, {
    commands: {
      // What the document says of a worker that could not read them.
      reload: async (each) =>
        each === id ? { exitCode: 1, stdout: '', stderr: 'of 1 workers, 0 use' } : reload(each),
    },
  })
  const { code, err } = await secrets('rotate', 'password', '--timeout-seconds', '1')
  read(OLD_IMAGE, { commands: { reload } })
  expect(code).toBe(4)
  expect(err).toContain(`${id}: of 1 workers, 0 use`)
  expect(await login('first-password')).toBe('OK')
  await redis.client.call('CLIENT', 'KILL', 'USER', service)
  await eventually('it serves', async () => (await save(reluctant.url, bearer(first.token))).ok)
})

test('rotate tokens with a handover: callers go over under load, the log has both labels, and the former token is refused when the command ends', async () => {
  using folder = temporaryFolder()
  const program = join(folder.path, 'handover')
  writeFileSync(
    program,
    `#!/bin/sh
cat >${folder.path}/new && mv ${folder.path}/new ${folder.path}/$1
until [ -e ${folder.path}/taken ]; do sleep 0.05; done
`,
    { mode: 0o755 },
  )
  await using under = load(first.token)
  const rotating = spawnScript(
    'secrets',
    ['rotate', 'tokens', '--label', 'shop', '--handover', program, ...QUICK],
    scene.as('secrets'),
  )
  const token = await eventually('the token is handed over', () =>
    Bun.file(join(folder.path, 'shop.2')).text(),
  )
  // Every instance knows it before anybody has it.
  expect(await statuses(token)).toEqual([404, 404])
  expect(await statuses(first.token)).toEqual([404, 404])
  under.use.token = token
  await under.more()
  writeFileSync(join(folder.path, 'taken'), '')
  const { code, out, err } = await ended(rotating)
  expect({ code, err }).toMatchObject({ code: 0 })
  expect(out).toBe('every instance refuses shop from now on\n')
  expect(await statuses(first.token)).toEqual([401, 401])
  expect(await statuses(other.token)).toEqual([404, 404])
  await under.more()
  await under.stop()
  for (const running of executables.values()) {
    const writers = (await running.log()).filter(({ method }) => method === 'PUT')
    expect([...new Set(writers.map(({ token }) => token))]).toEqual(['shop', 'shop.2'])
  }
})

test('rotate tokens without a handover prints what every instance knows and how to end it; a second one refuses to guess', async () => {
  const { code, out } = await secrets('rotate', 'tokens', '--label', 'shop')
  expect(code).toBe(0)
  const [, token = ''] = /^write shop\.2 (\S+)$/m.exec(out) ?? []
  expect(await statuses(token)).toEqual([404, 404])
  const [, revoke = ''] = /scripts\/secrets (--revoke-token \w+)/.exec(out) ?? []
  const again = await secrets('rotate', 'tokens', '--label', 'shop')
  expect(again.code).toBe(1)
  expect(again.err).toContain('shop.2 exists already')
  expect(await secrets(...revoke.split(' '))).toMatchObject({ code: 0 })
  const reloaded = await runScript(
    'ops',
    ['reload', '--reason', 'test', '--poll-seconds', '0.05'],
    scene.as('operator'),
  )
  expect(reloaded.code).toBe(0)
  const told = reloaded.out.trim().split('\n')
  expect(told.map((line) => line.split(' ')[0]).sort()).toEqual([...executables.keys()].sort())
  expect(new Set(told.map((line) => line.split(' ')[1])).size).toBe(1)
  expect(await statuses(first.token)).toEqual([401, 401])
  expect(await statuses(token)).toEqual([404, 404])
})

test('a handover that fails revokes nothing, and prints the token that nobody has', async () => {
  const { code, out, err } = await secrets(
    'rotate',
    'tokens',
    '--label',
    'shop',
    '--handover',
    '/bin/false',
  )
  expect(code).toBe(4)
  expect(err).toContain('step 3 of 5, "/bin/false hands them over", failed: it exited with 1')
  const [, token = ''] = /^write shop\.2 (\S+)$/m.exec(out) ?? []
  expect(await statuses(token)).toEqual([404, 404])
  expect(await statuses(first.token)).toEqual([404, 404])
})
