import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { name } from '../../../package.json'
import { entryOf, parseTokenHashes } from '../../../src/config/tokens.ts'
import { type Ministack, startMinistack } from '../../lab/aws-double/ministack.ts'
import type { Ran } from '../../lab/support/command.ts'
import { awsEnvironment, credentialsOf } from './fixtures/scene.ts'
import { runScript } from './fixtures/script.ts'

/** The prefix of every token. */
const tokenPrefix = name.replaceAll('-', '_')

// The first run installs the emulator.
setDefaultTimeout(180_000)

let emulator: Ministack
let env: Record<string, string>
let ssm: SSMClient

beforeAll(async () => {
  emulator = await startMinistack()
  env = awsEnvironment(emulator.url, 'administrator')
  ssm = new SSMClient({
    endpoint: emulator.url,
    region: env.AWS_REGION ?? 'eu-west-1',
    credentials: credentialsOf('administrator'),
  })
})
afterAll(async () => {
  ssm.destroy()
  await emulator[Symbol.asyncDispose]()
})

const secrets = async (...args: string[]): Promise<Ran> => await runScript('secrets', args, env)

async function stored(name: string) {
  const { Parameter } = await ssm.send(
    new GetParameterCommand({ Name: name, WithDecryption: true }),
  )
  return Parameter
}

const tokenIn = (out: string, scope: string): string =>
  new RegExp(`^${scope} +\\S+ (${tokenPrefix}_\\S+)$`, 'm').exec(out)?.[1] ?? ''

async function scopeAsStored(token: string, environment: string) {
  const list = (await stored(`/${name}/${environment}/tokens`))?.Value ?? ''
  return entryOf(token, parseTokenHashes(list) ?? [])?.scope
}

describe('scripts/secrets', () => {
  test('creates a password that both stores accept, and two tokens that the service knows', async () => {
    const { code, out } = await secrets('--environment', 'fresh')
    expect(code).toBe(0)
    const password = await stored(`/${name}/fresh/redis-password`)
    expect(password?.Type).toBe('SecureString')
    expect(password?.Value).toMatch(/^[\w-]{64}$/)
    expect(out).not.toContain(password?.Value as string)
    expect(await scopeAsStored(tokenIn(out, 'read'), 'fresh')).toBe('read')
    expect(await scopeAsStored(tokenIn(out, 'write'), 'fresh')).toBe('write')
  })

  test('never replaces existing secrets', async () => {
    await secrets('--environment', 'twice')
    const before = [
      await stored(`/${name}/twice/redis-password`),
      await stored(`/${name}/twice/tokens`),
    ].map((parameter) => parameter?.Value)
    const { code, out } = await secrets('--environment', 'twice')
    expect(code).toBe(0)
    expect(out.match(/already exists/g)).toHaveLength(2)
    expect(out).not.toContain(`${tokenPrefix}_`)
    expect((await stored(`/${name}/twice/redis-password`))?.Value).toBe(before[0])
    expect((await stored(`/${name}/twice/tokens`))?.Value).toBe(before[1])
  })

  test('adds a token to the others, and revokes one by the first digits of its hash, one by itself', async () => {
    const first = tokenIn((await secrets('--environment', 'rota')).out, 'write')
    const second = tokenIn(
      (await secrets('--environment', 'rota', '--add-token', 'write', '--label', 'shop')).out,
      'write',
    )
    expect(await scopeAsStored(first, 'rota')).toBe('write')
    expect(await scopeAsStored(second, 'rota')).toBe('write')

    const hash = new Bun.CryptoHasher('sha256').update(first).digest('hex')
    expect((await secrets('--environment', 'rota', '--list')).out).toContain(`write  ${hash}`)
    const revoked = await secrets('--environment', 'rota', '--revoke-token', hash.slice(0, 12))
    expect(revoked.code).toBe(0)
    expect(await scopeAsStored(first, 'rota')).toBeUndefined()
    expect(await scopeAsStored(second, 'rota')).toBe('write')
    expect((await secrets('--environment', 'rota', '--revoke-token', second)).code).toBe(0)
    expect(await scopeAsStored(second, 'rota')).toBeUndefined()
  })

  test('labels and dates each token, and no two alike', async () => {
    await secrets('--environment', 'labels')
    const today = new Date().toISOString().slice(0, 10)
    const { out } = await secrets('--environment', 'labels', '--list')
    expect(out).toMatch(new RegExp(`^read  [0-9a-f]{64}  read  ${today}$`, 'm'))
    expect(out).toMatch(new RegExp(`^write  [0-9a-f]{64}  write  ${today}$`, 'm'))
    const alike = await secrets('--environment', 'labels', '--add-token', 'write')
    expect(alike.code).toBe(1)
    expect(alike.err).toContain('there is a token labelled write already')
  })

  test('refuses to revoke an unknown token, and the last one', async () => {
    const missing = await secrets('--environment', 'nowhere', '--revoke-token', 'abcd')
    expect(missing.code).toBe(1)
    expect(missing.err).toContain('run scripts/secrets first')

    await secrets('--environment', 'last')
    const unknown = await secrets('--environment', 'last', '--revoke-token', '0'.repeat(40))
    expect(unknown.err).toContain('no token has a hash that begins with')
    const hashes = (await stored(`/${name}/last/tokens`))?.Value?.match(/[0-9a-f]{64}/g) ?? []
    expect(
      (await secrets('--environment', 'last', '--revoke-token', hashes[0] as string)).code,
    ).toBe(0)
    const only = await secrets('--environment', 'last', '--revoke-token', hashes[1] as string)
    expect(only.code).toBe(1)
    expect(only.err).toContain('the only token')
  })

  test('says what it needs when called wrongly', async () => {
    for (const [args, sentence] of [
      [['--add-token', 'admin'], "--add-token needs read or write, got 'admin'"],
      [
        ['--environment', 'Prod'],
        "--environment needs lower-case letters, digits and hyphens, got 'Prod'",
      ],
      [
        ['--list', '--add-token', 'read'],
        'give only one of --add-token, --revoke-token, --list and rotate',
      ],
      [
        ['--revoke-token', `${tokenPrefix}_x`],
        '--revoke-token needs a token, or 4 to 64 hexadecimal digits of its hash',
      ],
      [['now'], "expected rotate or an option, got 'now'"],
      [['rotate'], "rotate needs password or tokens, got ''"],
    ] as const) {
      const { code, err } = await secrets(...args)
      expect(err).toContain(sentence)
      expect(code).toBe(2)
    }
  })

  test('says in a sentence that there are no credentials', async () => {
    const { code, err } = await runScript('secrets', ['--region', 'eu-west-1'])
    expect(code).toBe(1)
    expect(err).toContain('AWS credentials are missing')
    expect(err).not.toContain('    at ')
  })
})
