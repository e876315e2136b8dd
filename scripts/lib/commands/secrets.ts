import { createToken, SCOPES, type Scope } from '../../../src/config/tokens.ts'
import { connect } from '../aws/clients.ts'
import { Parameters } from '../aws/parameters.ts'
import { EXIT, parse, runVerb, Stop, usageError } from '../cli.ts'

const USAGE = `
usage: scripts/secrets [options]
       scripts/secrets --add-token read|write [options]
       scripts/secrets --revoke-token SHA256 [options]
       scripts/secrets --list [options]

Makes what is missing of an environment's secrets in the SSM Parameter Store: the password of the store, and the hashes
of two tokens, which are printed once and kept nowhere. Run it before the first terraform apply; what is there already
is never replaced.

  --add-token SCOPE      one more token, for read or for write
  --revoke-token SHA256  forget a token, by its hash or the first digits of it, as --list shows them
  --list                 what is there: names, scopes and hashes, no secret

The service reads tokens at its start: after a change, scripts/ops restart.

  --environment NAME     as in Terraform (production)
  --region NAME          AWS region (AWS_REGION, or the profile's)

exit codes: 0 done, 1 refused, 2 usage
`

// MemoryDB and ElastiCache take 16 to 128 characters; base64url has none that either forbids.
const PASSWORD_BYTES = 48

async function make(parameters: Parameters): Promise<void> {
  const password = Buffer.from(crypto.getRandomValues(new Uint8Array(PASSWORD_BYTES)))
  const made = await parameters.create('redis-password', password.toString('base64url'))
  console.log(`${parameters.path('redis-password')}: ${made ? 'made' : 'is there already'}`)

  const tokens = SCOPES.map((scope) => ({ scope, ...createToken(scope) }))
  const list = tokens.map(({ entry }) => entry).join(',')
  if (!(await parameters.create('tokens', list))) {
    console.log(`${parameters.path('tokens')}: is there already; --add-token makes another token`)
    return
  }
  console.log(`${parameters.path('tokens')}: made. The tokens, shown this once:`)
  for (const { scope, token } of tokens) console.log(`${scope.padEnd(5)} ${token}`)
}

async function add(parameters: Parameters, scope: Scope): Promise<void> {
  const { token, entry } = createToken(scope)
  await parameters.replace('tokens', [...(await entries(parameters)), entry].join(','))
  console.log(`${scope.padEnd(5)} ${token}`)
  console.error('shown this once; it counts after: scripts/ops restart --reason "new token"')
}

async function revoke(parameters: Parameters, hash: string): Promise<void> {
  const all = await entries(parameters)
  const meant = all.filter((entry) => entry.split(':')[1]?.startsWith(hash))
  if (meant.length !== 1) {
    throw new Stop(
      `${meant.length === 0 ? 'no token has' : `${meant.length} tokens have`} a hash that begins with ${hash}; --list shows them`,
    )
  }
  if (all.length === 1) {
    throw new Stop(
      'it is the only token, and the service does not start without: add another first',
    )
  }
  await parameters.replace('tokens', all.filter((entry) => entry !== meant[0]).join(','))
  console.log(
    `revoked ${meant[0]}; it is refused after: scripts/ops restart --reason "token revoked"`,
  )
}

async function list(parameters: Parameters): Promise<void> {
  const password = await parameters.read('redis-password')
  console.log(`${parameters.path('redis-password')}: ${password ? 'is there' : 'is missing'}`)
  const tokens = await parameters.read('tokens')
  console.log(`${parameters.path('tokens')}: ${tokens ? 'is there' : 'is missing'}`)
  for (const entry of tokens?.split(',') ?? []) console.log(entry.replace(':', ' '.repeat(2)))
}

async function entries(parameters: Parameters): Promise<string[]> {
  const tokens = await parameters.read('tokens')
  if (tokens) return tokens.split(',')
  throw new Stop(
    `${parameters.path('tokens')} does not exist in this region: run scripts/secrets first`,
  )
}

await runVerb('secrets', USAGE, async (argv) => {
  const { values, positionals } = parse(argv, {
    'add-token': { type: 'string' },
    'revoke-token': { type: 'string' },
    list: { type: 'boolean', default: false },
    environment: { type: 'string', default: 'production' },
    region: { type: 'string' },
  })
  const { 'add-token': scope, 'revoke-token': hash, environment } = values
  if (positionals.length > 0) throw usageError(`it takes no argument, got '${positionals[0]}'`)
  if ([scope !== undefined, hash !== undefined, values.list].filter(Boolean).length > 1) {
    throw usageError('give one of --add-token, --revoke-token and --list')
  }
  if (scope !== undefined && !(SCOPES as readonly string[]).includes(scope)) {
    throw usageError(`--add-token wants read or write, got '${scope}'`)
  }
  if (hash !== undefined && !/^[0-9a-f]{4,64}$/.test(hash)) {
    throw usageError(`--revoke-token wants 4 to 64 hexadecimal digits, got '${hash}'`)
  }
  if (!/^[a-z][a-z0-9-]{0,18}[a-z0-9]$/.test(environment)) {
    throw usageError(
      `--environment wants lower-case letters, digits and hyphens, got '${environment}'`,
    )
  }
  const parameters = new Parameters(connect(values.region).ssm, environment)
  if (scope !== undefined) await add(parameters, scope as Scope)
  else if (hash !== undefined) await revoke(parameters, hash)
  else if (values.list) await list(parameters)
  else await make(parameters)
  return EXIT.ok
})
